// What the two codings cost a client: bytes on the wire, and microseconds to read them.
//
//   node tools/codings.js [http://127.0.0.1:8080] [seconds]
//
// Follows every game and its predictions in both codings at once on a running server (`scorewire demo`), then
// decodes what came again and again, in turns. Printed: medians of the rounds.

import { WebSocket } from 'ws';
import { binary } from '../client/binary.js';
import { json } from '../client/socket.js';

const ROUNDS = 15;
const [address = 'http://127.0.0.1:8080', seconds = '30'] = process.argv.slice(2);

const { games } = await (await fetch(new URL('/v1/games', address))).json();
const topics = games.flatMap(({ game }) => [`game:${game}`, `predictions:${game}`]);
const codings = [json, binary];
const heard = await Promise.all(codings.map(listen));
for (const kind of ['delta', 'prediction']) report(kind);

/** Everything that comes in `seconds`, as it came, by what it is. */
function listen(coding) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(new URL('/v1/ws', address.replace(/^http/, 'ws')), [coding.protocol], { perMessageDeflate: false });
    const byType = { delta: [], prediction: [] };
    socket.binaryType = 'arraybuffer';
    socket.onerror = () => reject(new Error(`no server at ${address}`));
    socket.onopen = () => {
      socket.send(coding.encode({ op: 'subscribe', id: 1, topics }));
      setTimeout(() => { socket.close(); resolve(byType); }, Number(seconds) * 1000);
    };
    socket.onmessage = ({ data }) => byType[coding.decode(data).type]?.push(data);
  });
}

function report(kind) {
  const counts = heard.map((byType) => byType[kind].length);
  if (Math.min(...counts) === 0) return;
  const took = codings.map(() => []);
  for (let round = 0; round < ROUNDS; round += 1) {
    codings.forEach((coding, place) => {
      const begun = performance.now();
      for (const data of heard[place][kind]) coding.decode(data);
      took[place].push((performance.now() - begun) * 1000 / counts[place]);
    });
  }
  codings.forEach((coding, place) => {
    const bytes = heard[place][kind].reduce((sum, data) => sum + (data.byteLength ?? Buffer.byteLength(data)), 0);
    const median = took[place].sort((a, b) => a - b)[ROUNDS >> 1];
    console.log(`${kind} ${coding.name}: ${counts[place]} messages, ${(bytes / counts[place]).toFixed(0)} bytes and ${median.toFixed(1)} µs each`);
  });
}
