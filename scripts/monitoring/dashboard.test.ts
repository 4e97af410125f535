import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Panel, readDashboard } from './dashboard.ts';

const { panels, templating } = await readDashboard();
const graphs = panels.filter(({ type }) => type !== 'row');

test('each panel of the dashboard asks something, of the Prometheus that is chosen', () => {
  for (const { title, targets = [] } of graphs) {
    assert.notEqual(targets.length, 0, title);
    assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
    for (const { expr, datasource } of targets) {
      assert.notEqual(expr, '', title);
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is Grafana's.
      assert.equal(datasource.uid, '${datasource}', title);
    }
  }
});

test('no panel lies on another one or beyond the grid, and ids are told apart', () => {
  const across = ({ gridPos: a }: Panel, { gridPos: b }: Panel) =>
    a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
  for (const [index, panel] of panels.entries()) {
    const { x, y, w, h } = panel.gridPos;
    assert.ok(x >= 0 && y >= 0 && w > 0 && h > 0 && x + w <= 24, panel.title);
    const under = panels.slice(index + 1).filter((other) => across(panel, other));
    assert.deepEqual(under, [], panel.title);
  }
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
});

test('every variable that is asked for is there, and what a legend names is in its question', () => {
  const known = new Set([...templating.list.map(({ name }) => name), '__rate_interval']);
  for (const { title, targets = [] } of graphs) {
    for (const { expr, legendFormat } of targets) {
      for (const [, name = ''] of expr.matchAll(/\$\{?(\w+)/g)) {
        assert.ok(known.has(name), `${title} asks for $${name}`);
      }
      for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
        assert.match(expr, new RegExp(`\\bby \\([^)]*\\b${label}\\b`), title);
      }
    }
  }
});

test('each environment has a row, in which nothing is of another', () => {
  const row = panels.findIndex(({ repeat }) => repeat === 'environment');
  assert.ok(row > 0);
  for (const { title, targets = [] } of panels.slice(row + 1)) {
    for (const { expr } of targets) {
      assert.match(expr, /\$environment/, title);
    }
  }
});
