// As much of RFC 6455's server side as the fake server needs: short text messages, no fragments.

import { createHash } from 'node:crypto';

const MAGIC = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const TEXT = 1;
const CLOSE = 8;

/** Answers an upgrade and gives `{send(object), close(code), onMessage, onClose}`. */
export function acceptWebSocket(request, socket) {
  const accept = createHash('sha1').update(request.headers['sec-websocket-key'] + MAGIC).digest('base64');
  socket.write([
    'HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${accept}`, 'Sec-WebSocket-Protocol: scorewire.v1.json', '', '',
  ].join('\r\n'));
  const connection = {
    send: (message) => socket.write(frame(TEXT, Buffer.from(JSON.stringify(message)))),
    close: (code) => socket.end(frame(CLOSE, code === undefined ? Buffer.alloc(0) : Buffer.from([code >> 8, code & 0xff]))),
    onMessage: () => {},
    onClose: () => {},
  };
  let buffered = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    buffered = Buffer.concat([buffered, chunk]);
    for (let next = parse(buffered); next; next = parse(buffered)) {
      buffered = buffered.subarray(next.length);
      if (next.opcode === TEXT) connection.onMessage(JSON.parse(next.payload.toString()));
      if (next.opcode === CLOSE) connection.close();
    }
  });
  socket.on('error', () => {});
  socket.on('close', () => connection.onClose());
  return connection;
}

function frame(opcode, payload) {
  const first = Buffer.from([0x80 | opcode]);
  let length;
  if (payload.length < 126) {
    length = Buffer.from([payload.length]);
  } else if (payload.length < 65_536) {
    length = Buffer.alloc(3, 126);
    length.writeUInt16BE(payload.length, 1);
  } else {
    length = Buffer.alloc(9, 127);
    length.writeBigUInt64BE(BigInt(payload.length), 1);
  }
  return Buffer.concat([first, length, payload]);
}

// A masked client frame, or null while it is not all there.
function parse(bytes) {
  if (bytes.length < 2) return null;
  let size = bytes[1] & 0x7f;
  let at = 2;
  if (size === 126) {
    if (bytes.length < 4) return null;
    size = bytes.readUInt16BE(2);
    at = 4;
  }
  if (bytes.length < at + 4 + size) return null;
  const mask = bytes.subarray(at, at + 4);
  const payload = Buffer.from(bytes.subarray(at + 4, at + 4 + size)).map((byte, i) => byte ^ mask[i % 4]);
  return { opcode: bytes[0] & 0x0f, payload, length: at + 4 + size };
}
