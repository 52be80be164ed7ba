import type { Coding } from './index.js';

/** The binary coding, for the option `coding` of `connect`. A server that does not know it is spoken to in JSON. */
export const binary: Coding;
/** Reads one `ServerMessage` of docs/scorewire.v1.proto into the object that the JSON coding has. Throws where it is malformed. */
export function decode(buffer: ArrayBuffer | Uint8Array): object;
/** Writes one `ClientMessage`, given as the object that the JSON coding has. */
export function encode(message: object): Uint8Array;
