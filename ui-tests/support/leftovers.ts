/**
 * What processes that were killed leave behind, long ago.
 */

import { execFileSync } from 'child_process';
import { randomBytes } from 'crypto';
import * as fs from 'fs';
import * as path from 'path';
import { noise } from './files';

const PYTHON = path.join(__dirname, '../../.venv/bin/python');

/** Seconds. */
const AGE = 3 * 24 * 3600;

const JOURNAL = `
import sys
from jupyter_transfer.engine.local import Identity
from jupyter_transfer.engine.sendjournal import SendJournal, Target
state, id, address = sys.argv[1:]
journal = SendJournal(state, id, "f.bin", address)
journal.begin("f.bin", Identity(9, 1, 1), Target(address), {"part": "x"})
journal.close()
`;

/** A part of a file below `folder`. */
export function leavePart(folder: string, bytes: number): void {
  const staging = path.join(folder, '.jupyter-transfer');
  const file = path.join(staging, `${newId()}.part`);
  fs.mkdirSync(staging, { recursive: true });
  fs.writeFileSync(file, noise(bytes));
  age(file);
}

/** A send to `address` that a server with its list at `database` had begun. */
export function leaveSend(database: string, address: string): void {
  const state = path.dirname(database);
  const id = newId();
  const python = fs.existsSync(PYTHON) ? PYTHON : 'python';
  execFileSync(python, ['-c', JOURNAL, state, id, address]);
  age(path.join(state, 'jobs', `${id}.journal`));
}

function newId(): string {
  return randomBytes(16).toString('hex');
}

function age(file: string): void {
  const then = Date.now() / 1000 - AGE;
  fs.utimesSync(file, then, then);
}
