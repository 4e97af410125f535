const start = 'GET /version HTTP/1.1\r\nHost: x\r\n';
const post = 'POST /api/quotes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
const quote = '{"text":"smuggled","author":"smuggled"}';

/** What is hidden behind each shape: where it is done, a quote is added. */
const hidden = `${post}Connection: close\r\nContent-Length: ${quote.length}\r\n\r\n${quote}`;

const chunked = (coding: string) => `${post}${coding}\r\n\r\n0\r\n\r\n${hidden}`;
const sized = (length: string) => `${post}${length}\r\n\r\n{}${hidden}`;
const chunk = (text: string) => `${post}Transfer-Encoding: chunked\r\n\r\n${text}${hidden}`;
const header = (line: string) => `${start}${line}\r\n\r\n${hidden}`;
const line = (text: string) => `${text}\r\nHost: x\r\n\r\n${hidden}`;

/**
 * Bytes that two readers of HTTP may split into different requests, by name: nothing of any is served, and the
 * connection ends.
 */
export const smugglingShapes: Readonly<Record<string, string>> = {
  'Content-Length before Transfer-Encoding': chunked('Content-Length: 5\r\nTransfer-Encoding: chunked'),
  'Transfer-Encoding before Content-Length': chunked('Transfer-Encoding: chunked\r\nContent-Length: 5'),
  'a coding that is almost chunked': chunked('Transfer-Encoding: xchunked'),
  'the coding identity': chunked('Transfer-Encoding: identity'),
  'chunked before another coding': chunked('Transfer-Encoding: chunked, identity'),
  'chunked after another coding': chunked('Transfer-Encoding: gzip, chunked'),
  'chunked twice': chunked('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked'),
  'chunked twice in a line': chunked('Transfer-Encoding: chunked, chunked'),
  'two codings in two lines': chunked('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity'),
  'chunked and a comma': chunked('Transfer-Encoding: chunked,'),
  'chunked in quotes': chunked('Transfer-Encoding: "chunked"'),
  'chunked after a vertical tab': chunked('Transfer-Encoding: \x0bchunked'),
  'chunked on the next line': chunked('Transfer-Encoding:\r\n chunked'),
  'no coding at all': chunked('Transfer-Encoding:'),
  'a space before the colon of Transfer-Encoding': chunked('Transfer-Encoding : chunked'),
  'chunked in HTTP/1.0': chunked('Transfer-Encoding: chunked').replace('HTTP/1.1', 'HTTP/1.0'),
  'two lengths': sized('Content-Length: 2\r\nContent-Length: 0'),
  'one length twice': sized('Content-Length: 2\r\nContent-Length: 2'),
  'a list of lengths': sized('Content-Length: 2, 2'),
  'a length with a plus': sized('Content-Length: +2'),
  'a negative length': sized('Content-Length: -2'),
  'a length in hexadecimal': sized('Content-Length: 0x2'),
  'a length with a space in it': sized('Content-Length: 0 2'),
  'an empty length': sized('Content-Length:'),
  'a length that is 2 in 64 bits': sized('Content-Length: 18446744073709551618'),
  'a space before the colon of Content-Length': sized('Content-Length : 2'),
  'a chunk extension that ends with LF': chunk('2;a\n{}\r\n0\r\n\r\n'),
  'a CR in a chunk extension': chunk('2;\rx\r\n{}\r\n0\r\n\r\n'),
  'a chunk extension of 20,000 characters': chunk(`2;${'a'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n`),
  'a chunk size with 0x': chunk('0x2\r\n{}\r\n0\r\n\r\n'),
  'a negative chunk size': chunk('-2\r\n{}\r\n0\r\n\r\n'),
  'a chunk size that is 2 in 64 bits': chunk('10000000000000002\r\n{}\r\n0\r\n\r\n'),
  'a chunk size with a space': chunk('2 \r\n{}\r\n0\r\n\r\n'),
  'chunks that end with LF': chunk('2\n{}\n0\n\n'),
  'a chunk longer than it says': chunk('2\r\n{}xx\r\n0\r\n\r\n'),
  'a chunk without an end': chunk('2\r\n{}0\r\n\r\n'),
  'a length among the trailers': chunk('2\r\n{}\r\n0\r\nContent-Length: 9\r\n\r\n'),
  'lines that end with LF': `GET /version HTTP/1.1\nHost: x\n\n${hidden}`,
  'one line that ends with LF': `${start}X: y\nY: z\r\n\r\n${hidden}`,
  'a CR in a value': header('X: y\rTransfer-Encoding: chunked'),
  'a CR at the end': `${start}\r\r\n${hidden}`,
  'a folded line': header('X: y\r\n z'),
  'a space before the first name': header(' X: y'),
  'a space before a colon': header('X : y'),
  'a NUL in a value': header('X: a\0b'),
  'a NUL in a name': header('X\0: a'),
  'an empty name': header(': a'),
  'a line without a colon': header('abc'),
  'two hosts': header('Host: y'),
  'a host that is none': `GET /version HTTP/1.1\r\nHost: a b/@c\r\n\r\n${hidden}`,
  'no host': `GET /version HTTP/1.1\r\n\r\n${hidden}`,
  'a GET with a length': `${start}Content-Length: ${hidden.length}\r\n\r\n${hidden}`,
  'a GET in chunks': `${start}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
  'HTTP/0.9': `GET /version\r\n\r\n${hidden}`,
  'HTTP/1.2': line('GET /version HTTP/1.2'),
  'HTTP/2.0 in letters': line('GET /version HTTP/2.0'),
  'HTTP/1.10': line('GET /version HTTP/1.10'),
  'http in lower case': line('GET /version http/1.1'),
  'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'a tab in the request line': line('GET\t/version HTTP/1.1'),
  'a space in the target': line('GET /version /x HTTP/1.1'),
  'a fragment in the target': line('GET /version#/../x HTTP/1.1'),
  'a control character in the target': line('GET /ver\x01sion HTTP/1.1'),
  'a space before the method': line(' GET /version HTTP/1.1'),
  'a method in lower case': line('get /version HTTP/1.1'),
  'a method that is none': line('FOO /version HTTP/1.1'),
  CONNECT: line('CONNECT example.org:80 HTTP/1.1'),
  'TLS on a port without': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
};
