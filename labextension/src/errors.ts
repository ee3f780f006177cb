/**
 * Errors as sentences in the person's language: what happened, and what to do.
 *
 * Errors travel as codes. In English the words of the server are shown, which
 * know names and numbers; in other languages the translated sentence of the
 * code.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { Format } from './format';
import { folderName } from './names';
import { planOf, planText } from './planwords';
import type { ITransferErrorData } from './uploads/tokens';

export interface IExplanation {
  readonly what: string;
  readonly remedy: string;
}

type Words = readonly [what: string, remedy: string];
type Table = Readonly<Record<string, (trans: TranslationBundle) => Words>>;

export function explain(
  error: ITransferErrorData,
  format: Format
): IExplanation {
  const { trans } = format;
  const again = againText(error, format);
  if (again !== null) {
    return { what: again, remedy: '' };
  }
  if (isUnknownHost(error)) {
    return unknownHost(error, trans);
  }
  if (error.detail?.['kind'] === 'broken_backend') {
    return brokenBackend(error, trans);
  }
  const plan = planOf(error);
  if (plan) {
    return {
      what: planText(plan, format),
      remedy: trans.__('Look at the list and say yes or no.')
    };
  }
  const kind = String(error.detail?.['kind'] ?? '');
  const words = (KINDS[kind] ?? SENTENCES[error.code])?.(trans);
  const english = format.locale.startsWith('en');
  const [what, remedy] = words ?? [
    error.message || trans.__('Something went wrong.'),
    error.remedy
  ];
  return {
    what: (english && error.message) || what,
    remedy: withNumbers(error, format) ?? ((english && error.remedy) || remedy)
  };
}

/** Whether a person has to vouch for a host. */
export function isUnknownHost(error: ITransferErrorData): boolean {
  return (
    error.code === 'needs_decision' && error.detail?.['kind'] === 'host_key'
  );
}

function unknownHost(
  error: ITransferErrorData,
  trans: TranslationBundle
): IExplanation {
  const { host, fingerprint } = error.detail ?? {};
  return {
    what: trans.__('The host %1 is not known yet.', host) + ` (${fingerprint})`,
    remedy: trans.__('Compare the fingerprint of its key with its owner’s.')
  };
}

function brokenBackend(
  error: ITransferErrorData,
  trans: TranslationBundle
): IExplanation {
  const { backend, cause } = error.detail ?? {};
  return {
    what: trans.__(
      'The service %1 is installed, but it cannot be loaded: %2',
      backend,
      cause
    ),
    remedy: trans.__('Ask the administrator to install its package again.')
  };
}

/** Details for a bug report: code, words and plain values; no addresses. */
export function errorDetails(error: ITransferErrorData): string {
  const { code, message, remedy, retryable, detail } = error;
  return JSON.stringify({ code, message, remedy, retryable, detail }, null, 2);
}

/** The remedy of a full disk, when it is known how much is missing. */
function withNumbers(error: ITransferErrorData, format: Format): string | null {
  const { detail } = error;
  const free = detail?.['free_bytes'];
  const needed = detail?.['needed_bytes'];
  if (
    error.code !== 'disk_full' ||
    typeof free !== 'number' ||
    typeof needed !== 'number' ||
    needed <= free
  ) {
    return null;
  }
  return format.trans.__(
    'Free %1 or choose another folder.',
    format.bytes(needed - free)
  );
}

/** What to do with an upload that an earlier page left; null for anything else. */
function againText(error: ITransferErrorData, format: Format): string | null {
  const { name, folder, part, canReopen } = error.detail ?? {};
  if (error.code !== 'needs_browser' || typeof part !== 'number') {
    return null;
  }
  const { trans } = format;
  const percent = format.percent(part);
  return canReopen
    ? trans.__('The page was closed at %1.', percent)
    : trans.__(
        'Drop %1 into %2 again to go on from %3.',
        name,
        folderName(String(folder)),
        percent
      );
}

const REQUEST: Table = {
  bad_request: t => [
    t.__('The server did not understand the request.'),
    t.__('Correct it and try again.')
  ],
  invalid_path: t => [
    t.__('The server cannot use this path.'),
    t.__('Choose another name or folder.')
  ],
  invalid_address: t => [
    t.__('This is not a valid address.'),
    t.__('Check the address.')
  ],
  unsupported_scheme: t => [
    t.__('Addresses of this kind are not supported.'),
    t.__('Use an address of a supported kind.')
  ],
  hidden_path: t => [
    t.__('Hidden files are not allowed on this server.'),
    t.__('Choose a name that does not start with a dot.')
  ],
  forbidden: t => [
    t.__('You may not do this on this server.'),
    t.__('Ask the administrator of this server for the permission.')
  ],
  disabled: t => [
    t.__('This is switched off on this server.'),
    t.__('Ask the administrator of this server to enable it.')
  ],
  not_found: t => [
    t.__('There is no such file or transfer.'),
    t.__('It may have been moved or removed.')
  ],
  method_not_allowed: t => [
    t.__('The server does not know this request.'),
    t.__('Reload the page.')
  ],
  exists: t => [
    t.__('A file of this name is there already.'),
    t.__('Choose another name, or allow the file to be replaced.')
  ],
  offset_mismatch: t => [
    t.__('The server is at another place in the file.'),
    t.__('It goes on by itself from where it stopped.')
  ],
  conflict: t => [
    t.__('The transfer is in another state by now.'),
    t.__('Look again and retry.')
  ],
  gone: t => [
    t.__('The server no longer knows this transfer.'),
    t.__('Start it again.')
  ],
  precondition_failed: t => [
    t.__('The file is another by now.'),
    t.__('Look again and retry.')
  ],
  version_mismatch: t => [
    t.__('The page and the server do not fit together.'),
    t.__('Reload the page.')
  ],
  too_large: t => [
    t.__('This is larger than the server allows.'),
    t.__('Send less, or ask the administrator to raise the limit.')
  ],
  unsupported_media_type: t => [
    t.__('The page and the server do not fit together.'),
    t.__('Reload the page.')
  ],
  range_not_satisfiable: t => [
    t.__('The file is shorter than expected.'),
    t.__('Start it again.')
  ],
  too_many: t => [
    t.__('Too much is going on at once.'),
    t.__('Wait until others are finished.')
  ],
  digest_mismatch: t => [
    t.__('The bytes were damaged on the way.'),
    t.__('Try again; they are sent anew.')
  ]
};

/** By the `kind` of the detail: what says more than the code does. */
const KINDS: Table = {
  never_called: t => [
    t.__('Addresses of this kind are never called.'),
    t.__('No setting allows them; use another address of that host.')
  ],
  credentials_withheld: t => [
    t.__('The remote side asks who you are.'),
    t.__(
      'Enter credentials of your own: those of the account of this server are used only for people who may run code here.'
    )
  ],
  no_listing: t => [
    t.__('The remote side lists no folder at this address.'),
    t.__('Use the address of a folder, which ends in “/”.')
  ],
  gated: t => [
    t.__('The repository is gated: its owner wants to know who you are.'),
    t.__('Accept its terms on its page, and give a token of your account.')
  ],
  private_repository: t => [
    t.__('The repository is private, or there is none of this name.'),
    t.__('Check the name, or give a token of an account that may see it.')
  ],
  token_refused: t => [
    t.__('The remote side does not accept the token.'),
    t.__('Make a new one there and give it here.')
  ],
  no_repository: t => [
    t.__('There is no repository of this name that your token may see.'),
    t.__('Check its name and kind, or use the token of a member.')
  ],
  token_needed: t => [
    t.__('Nobody may write to this repository without a token.'),
    t.__('Make one with write access there and give it here.')
  ],
  repository_name: t => [
    t.__('This is no address, but it looks like the name of a repository.'),
    t.__('Write hf:// before it for a repository of Hugging Face.')
  ],
  no_revision: t => [
    t.__('The repository has no such revision.'),
    t.__('Choose another branch, tag or commit.')
  ],
  no_entry: t => [
    t.__('The repository has no such file or folder.'),
    t.__('Check the address.')
  ]
};

const SERVER: Table = {
  internal: t => [
    t.__('The server failed.'),
    t.__('Look into the log of the server, or report this as a bug.')
  ],
  not_local: t => [
    t.__('The files of this server do not lie on its own disk.'),
    t.__('Use a server whose files lie on its own disk.')
  ],
  worker_died: t => [
    t.__('The process that moved the bytes has ended.'),
    t.__('It goes on by itself from where it stopped.')
  ],
  disk_full: t => [
    t.__('The disk of the server is full.'),
    t.__('Free space on the server or choose another folder.')
  ],
  read_only: t => [
    t.__('This folder is read-only.'),
    t.__('Choose a folder that can be written to.')
  ],
  permission_denied: t => [
    t.__('The server may not access this file or folder.'),
    t.__('Choose a folder that belongs to you.')
  ],
  is_a_directory: t => [
    t.__('A folder of this name is there already.'),
    t.__('Choose another name.')
  ],
  not_a_directory: t => [
    t.__('A part of the path is a file, not a folder.'),
    t.__('Choose another folder.')
  ],
  not_a_file: t => [
    t.__('This is neither a regular file nor a folder.'),
    t.__('Choose a regular file or a folder.')
  ],
  changed: t => [
    t.__('The file changed while it was being read.'),
    t.__('Start it again.')
  ],
  bad_archive: t => [
    t.__('The archive is damaged, or of a kind that cannot be read here.'),
    t.__('Get it again; archives are zip, and tar of any compression.')
  ],
  encrypted: t => [
    t.__('The archive is encrypted.'),
    t.__('Extract it with a program that asks for its password.')
  ],
  io_error: t => [
    t.__('The disk of the server reported an error.'),
    t.__('Check the disk of the server.')
  ],
  list_unavailable: t => [
    t.__('The list of transfers on the server cannot be reached now.'),
    t.__(
      'It goes on by itself when the disk of the home folder of the server works again.'
    )
  ],
  list_unreadable: t => [
    t.__(
      'The list of transfers on the server, or the disk that holds it, is damaged.'
    ),
    t.__(
      'Check the disk of the home folder of the server; then move transfers.sqlite away.'
    )
  ]
};

const REMOTE: Table = {
  address_refused: t => [
    t.__('This server may not call this address.'),
    t.__('Ask the administrator to allow this network.')
  ],
  dns_failed: t => [
    t.__('The host name cannot be found.'),
    t.__('Check the host name and the network of the server.')
  ],
  connect_failed: t => [
    t.__('The remote service cannot be reached.'),
    t.__('Check that it runs and can be reached.')
  ],
  connection_lost: t => [
    t.__('The connection was lost.'),
    t.__('It goes on by itself from where it stopped.')
  ],
  timeout: t => [
    t.__('Nothing came for too long.'),
    t.__('It goes on by itself from where it stopped.')
  ],
  tls_failed: t => [
    t.__('The certificate of the remote service is not trusted.'),
    t.__('Check the address, or ask the administrator to add its authority.')
  ],
  host_key_changed: t => [
    t.__('The key of the host is another one than before.'),
    t.__('Ask its owner; if the key was changed, correct known_hosts.')
  ],
  too_many_redirects: t => [
    t.__('The address redirects too often.'),
    t.__('Use the address that it redirects to.')
  ],
  remote_not_found: t => [
    t.__('The remote side has no such file.'),
    t.__('Check the address.')
  ],
  needs_credentials: t => [
    t.__('The remote side asks who you are.'),
    t.__('Give credentials for this address.')
  ],
  needs_identity: t => [
    t.__('git does not know who commits.'),
    t.__(
      'Say it once in a terminal: git config --global user.name and user.email.'
    )
  ],
  remote_forbidden: t => [
    t.__('The remote side does not give you this file.'),
    t.__('Ask the owner of the remote file for access.')
  ],
  busy: t => [
    t.__('Another server is working on this file.'),
    t.__('It goes on by itself in a moment.')
  ],
  remote_refused: t => [
    t.__('The remote side refused the request.'),
    t.__('Check the address, or try again later.')
  ],
  remote_busy: t => [
    t.__('The remote side is busy.'),
    t.__('It goes on by itself when the remote side is ready.')
  ],
  remote_changed: t => [
    t.__('The file changed at its source.'),
    t.__('Start it again.')
  ],
  deadline_exceeded: t => [
    t.__('It took longer than it may.'),
    t.__('What is there is kept for the next attempt.')
  ],
  limit_reached: t => [
    t.__('There is more at this address than is allowed.'),
    t.__('Raise the limit, or choose less.')
  ],
  left_out: t => [
    t.__('Some of it was left out.'),
    t.__('Change the options if you want it too.')
  ],
  pull_request: t => [
    t.__('The files are in a pull request.'),
    t.__('Its reviewers decide about it; look at its page.')
  ],
  several_commits: t => [
    t.__('There were too many files for one commit.'),
    t.__('Send fewer files at a time if that matters.')
  ],
  tool_missing: t => [
    t.__(
      'A program that this transfer needs is missing on the server, or too old.'
    ),
    t.__('Ask the administrator to install it.')
  ],
  remote_lied: t => [
    t.__('The answer of the remote side contradicts itself.'),
    t.__('Tell the owner of the remote service.')
  ],
  scheduled: t => [
    t.__('The transfer waits for the time that it is planned for.'),
    t.__('It begins by itself; start it now if you like.')
  ],
  too_many_deletions: t => [
    t.__('More files would be deleted than may be.'),
    t.__('Look at the plan; raise the limit if all of it may go.')
  ],
  needs_decision: t => [
    t.__('There is a plan to look at.'),
    t.__('Look at it and approve it.')
  ],
  needs_browser: t => [
    t.__('The bytes are in a browser page that was closed.'),
    t.__('Choose the file again.')
  ],
  cancelled: t => [
    t.__('This was cancelled.'),
    t.__('Start it again if you need it.')
  ]
};

const BROWSER: Table = {
  unreachable: t => [
    t.__('The Jupyter server cannot be reached.'),
    t.__('It goes on by itself when the server is back.')
  ],
  server_unavailable: t => [
    t.__('The server cannot be reached at the moment.'),
    t.__('It goes on by itself from where it stopped.')
  ],
  refused: t => [
    t.__('The server refused the request.'),
    t.__('Try again; if it stays, ask the administrator of this server.')
  ],
  offline: t => [
    t.__('This computer is offline.'),
    t.__('It goes on by itself when the network is back.')
  ],
  source_changed: t => [
    t.__('The file on this computer was changed, moved or removed.'),
    t.__('Choose the file again.')
  ],
  proxy_refused: t => [
    t.__('A proxy before the server refuses even small requests.'),
    t.__('Ask the administrator to raise the limit for requests.')
  ],
  protocol: t => [
    t.__('The server gave an answer that makes no sense.'),
    t.__('Try again; if it stays, report it to the administrator.')
  ],
  session_expired: t => [
    t.__('The server no longer accepts the sign-in of this page.'),
    t.__('Sign in again in another tab, then retry.')
  ]
};

const SENTENCES: Table = { ...REQUEST, ...SERVER, ...REMOTE, ...BROWSER };
