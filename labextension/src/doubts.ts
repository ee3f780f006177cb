/**
 * Why nothing proves that bytes are those of their source, in words.
 */

import type { TranslationBundle } from '@jupyterlab/translation';

/** The sentence of a code that rows, jobs and probes carry as `unverified`. */
export function doubtText(
  code: string | null | undefined,
  trans: TranslationBundle
): string {
  const sentence = code ? SENTENCES[code] : undefined;
  return (sentence ?? SENTENCES['no_digest'])(trans);
}

const SENTENCES: Readonly<
  Record<string, (trans: TranslationBundle) => string>
> = {
  no_digest: trans =>
    trans.__('The source states no checksum; size and version were compared.'),
  composite_checksum: trans =>
    trans.__(
      'The source states checksums of its parts only, not of the whole.'
    ),
  multipart_etag: trans =>
    trans.__(
      'The source states checksums of its parts only, not of the whole.'
    ),
  unsupported_algorithm: trans =>
    trans.__('The source states a checksum that this server cannot compute.'),
  content_coding: trans =>
    trans.__('The checksum of the source is that of a compressed form.'),
  switched_off: trans => trans.__('The comparison was switched off.'),
  present: trans =>
    trans.__('The file was here already and was not read again.'),
  skipped: trans =>
    trans.__('Another file was here already and was left alone.'),
  resumed: trans =>
    trans.__(
      'The copy went on after a break; its checksum would take reading all of it again.'
    ),
  several: trans => trans.__('Its files differ in why; the report says it.'),
  unknown: trans =>
    trans.__('Each file is compared where the source states a checksum of it.')
};
