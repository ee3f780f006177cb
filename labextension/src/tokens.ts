/**
 * What this extension offers to others.
 */

import { Token } from '@lumino/coreutils';
import type { TransferApi } from './api';
import type { Intake } from './intake';
import type { TransferModel } from './model';
import type { Place } from './place';
import type { ITransferSettings } from './settings';
import type { Uploader } from './uploads';

export interface ITransfers {
  readonly api: TransferApi;
  /** All transfers of this user, live. */
  readonly model: TransferModel;
  readonly uploader: Uploader;
  /** The way in for files: asks about taken names. */
  readonly intake: Intake;
  readonly place: Place;
  readonly settings: ITransferSettings;
}

export const ITransfers = new Token<ITransfers>(
  'jupyter-transfer:ITransfers',
  'The transfers of this user: what runs, and ways to start and stop it.'
);
