/** The translations are complete, and are what JupyterLab loads. */

import * as fs from 'fs';
import * as path from 'path';
import { Gettext } from '@jupyterlab/translation/lib/gettext';

const locale = jest.requireActual('../../locale.js');

const JSON_FILE = path.join(
  __dirname,
  '../../../jupyter_transfer/locale/zh_CN/LC_MESSAGES/jupyter_transfer.json'
);

describe('the catalogues', () => {
  it('have every string, with the same placeholders, and nothing else', () => {
    expect(locale.check()).toEqual([]);
  });

  it('find strings with and without context, and plurals', () => {
    const strings = locale.extract();
    expect(strings.has('Pause %1')).toBe(true);
    expect(strings.has('schema\u0004Transfers')).toBe(true);
    expect(
      [...strings.values()].some((each: any) => each.plural !== undefined)
    ).toBe(true);
  });

  it('survive a round trip', () => {
    const header = 'Language: xx\nPlural-Forms: nplurals=1; plural=0;\n';
    const entries = new Map([
      [
        'c\u0004a "b"\n',
        { context: 'c', text: 'a "b"\n', plural: undefined, translation: 'ü' }
      ],
      ['n', { context: '', text: 'n', plural: 'ns', translation: 'm' }]
    ]);
    expect(locale.readPo(locale.writePo(header, entries))).toEqual({
      header,
      entries
    });
  });

  it('are understood by the gettext of JupyterLab, plurals too', () => {
    const data = JSON.parse(fs.readFileSync(JSON_FILE, 'utf8'));
    const bundle = new Gettext({ domain: 'jupyter_transfer', locale: 'zh-CN' });
    const metadata = { ...data[''], pluralForms: data[''].plural_forms };
    bundle.loadJSON({ ...data, '': metadata }, 'jupyter_transfer');
    expect(bundle.__('Pause %1', 'a.csv')).toBe('暂停 a.csv');
    expect(bundle._p('schema', 'Transfers')).toBe('传输');
    expect(
      bundle._n(
        'This folder could not be read and was left out: %2',
        '%1 folders could not be read and were left out, among them: %2',
        3,
        'x'
      )
    ).toBe('有 3 个文件夹无法读取，已略过，其中包括：x');
  });
});
