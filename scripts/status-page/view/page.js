// Keeps the page as the server has it, part by part. All markup comes from the server, which has escaped it.
import { Idiomorph } from '/idiomorph.js';

const connection = document.querySelector('#connection');

/** Moments become ages, and go on by themselves. */
function ages() {
  for (const element of document.querySelectorAll('time')) {
    const seconds = Math.max(0, Math.round((Date.now() - Date.parse(element.dateTime)) / 1000));
    const [unit, size] = [
      ['d', 86400],
      ['h', 3600],
      ['min', 60],
    ].find(([, length]) => seconds >= length) ?? ['s', 1];
    element.title ||= element.textContent;
    const ago = element.className === 'moment' ? ' ago' : '';
    element.textContent = `${Math.floor(seconds / size)} ${unit}${ago}`;
  }
}

function say(text) {
  // A screen reader is told of what changes, and of nothing else.
  if (connection.textContent !== text) {
    connection.textContent = text;
  }
}

function follow() {
  const events = new EventSource('/events');
  events.addEventListener('open', () => say('live'));
  events.addEventListener('error', () => {
    say('not connected: this is what was last seen');
    // It tries again by itself, but for an answer that is none, as of a server that has too many already.
    if (events.readyState === EventSource.CLOSED) {
      setTimeout(follow, 5000);
    }
  });
  events.addEventListener('section', ({ data }) => {
    const { id, html } = JSON.parse(data);
    Idiomorph.morph(document.getElementById(id), html, { morphStyle: 'outerHTML' });
    ages();
  });
}

follow();

ages();
setInterval(ages, 1000);
