import { html } from 'hono/html';

/** Markup whose every value was escaped. */
export type Html = ReturnType<typeof html>;

/** A moment; page.js makes it "5 min ago", and without it the moment itself is there. */
export function moment(time: string): Html {
  return stamped(time, 'moment');
}

/** The moment since which something is there; page.js makes it "5 min". */
export function age(since: string): Html {
  return stamped(since, 'age');
}

function stamped(time: string, how: string): Html {
  return html`<time class="${how}" datetime="${time}">${time.replace('T', ' ').replace(/(:\d\d)(\.\d+)?(Z|[+-].*)$/, '$1 $3')}</time>`;
}

/** A word with a colour of its own; the word says it without the colour too. */
export function badge(word: string, mood: 'good' | 'bad' | 'busy'): Html {
  return html`<span class="badge ${mood}">${word}</span>`;
}

/** A table with its heads, or a sentence where it has no rows. */
export function table(caption: string, heads: string[], rows: Html[][], none: string): Html {
  if (rows.length === 0) {
    return html`<p class="none">${none}</p>`;
  }
  return html`<div class="scroll" tabindex="0" role="group" aria-label="${caption}"><table>
<caption>${caption}</caption>
<thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
<tbody>${rows.map(
    ([first, ...others]) =>
      html`<tr><th scope="row">${first}</th>${others.map((cell) => html`<td>${cell}</td>`)}</tr>`,
  )}</tbody>
</table></div>`;
}

/** The first of a list's items, and how many more there are. */
export function listed(items: Html[], most: number, name: string): Html {
  const more = items.length - most;
  return html`<ul class="${name}">${items.slice(0, most).map((item) => html`<li>${item}</li>`)}${
    more > 0 ? html`<li>and ${more} more</li>` : ''
  }</ul>`;
}
