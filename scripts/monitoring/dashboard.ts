import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { monitoringFolder } from './rules.ts';

/** A panel, or a row that heads those below it. Sizes are in cells of Grafana's grid, which is 24 wide. */
export interface Panel {
  id: number;
  type: string;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  /** On a row: the variable for each value of which it is shown. */
  repeat?: string;
  targets?: { refId: string; expr: string; legendFormat: string; datasource: { uid: string } }[];
}

/** Of Grafana's dashboard, what is read here. */
export interface Dashboard {
  uid: string;
  templating: { list: { name: string }[] };
  panels: Panel[];
}

/** Reads monitoring/dashboard.json. */
export async function readDashboard(): Promise<Dashboard> {
  return JSON.parse(await readFile(path.join(monitoringFolder, 'dashboard.json'), 'utf8')) as Dashboard;
}
