/**
 * The translations: what is to be translated, what is, and what JupyterLab reads.
 *
 *   node labextension/locale.js           take new strings into the .po file, write the .json
 *   node labextension/locale.js --check   fail if a string is missing or the .json is stale
 *
 * Translators edit `jupyter_transfer.po`. JupyterLab's server reads
 * `jupyter_transfer.json` beside it (jupyterlab_server/translation_utils.py),
 * found by the entry point `jupyterlab.locale`.
 */

const fs = require('fs');
const path = require('path');
const ts = require('typescript');

const HERE = __dirname;
const SOURCES = path.join(HERE, 'src');
const SCHEMAS = path.join(HERE, 'schema');
const LOCALES = path.join(HERE, '..', 'jupyter_transfer', 'locale');
const DOMAIN = 'jupyter_transfer';
const CONTEXT_MARK = '\u0004';

/**
 * The context of what the backends of the server declare: labels, helps, choices
 * and titles. tests/test_locale.py holds it against them.
 */
const DECLARED = 'option';

/** Methods of a TranslationBundle, and where context, text and plural stand. */
const METHODS = {
  __: { text: 0 },
  gettext: { text: 0 },
  _n: { text: 0, plural: 1 },
  ngettext: { text: 0, plural: 1 },
  _p: { context: 0, text: 1 },
  pgettext: { context: 0, text: 1 },
  _np: { context: 0, text: 1, plural: 2 },
  npgettext: { context: 0, text: 1, plural: 2 }
};

/** Strings of a settings schema that people see (see DEFAULT_SCHEMA_SELECTORS there). */
const SCHEMA_STRINGS = [
  [/^\/(title|description)$/, 'schema'],
  [/^\/(properties|definitions)\/.*\/(title|description)$/, 'settings'],
  [/^\/jupyter\.lab\.setting-icon-label$/, 'settings'],
  [/^\/jupyter\.lab\.menus\/.*\/label$/, 'menu'],
  [/^\/jupyter\.lab\.toolbars\/.*\/label$/, 'toolbar']
];

/** All strings to translate: key (context and text) to `{ context, text, plural }`. */
function extract() {
  const found = new Map();
  const add = entry =>
    entry.text &&
    found.set(keyOf(entry), { ...found.get(keyOf(entry)), ...entry });
  for (const file of sourceFiles(SOURCES)) {
    extractSource(file, add);
  }
  for (const name of fs.readdirSync(SCHEMAS).sort()) {
    const file = path.join(SCHEMAS, name);
    extractSchema(JSON.parse(fs.readFileSync(file, 'utf8')), '', add);
  }
  return found;
}

function sourceFiles(folder) {
  return fs
    .readdirSync(folder, { withFileTypes: true })
    .sort((one, other) => (one.name < other.name ? -1 : 1))
    .flatMap(entry => {
      const file = path.join(folder, entry.name);
      if (entry.isDirectory()) {
        return entry.name === '__tests__' ? [] : sourceFiles(file);
      }
      return /\.tsx?$/.test(entry.name) ? [file] : [];
    });
}

function extractSource(file, add) {
  const source = ts.createSourceFile(
    file,
    fs.readFileSync(file, 'utf8'),
    ts.ScriptTarget.Latest
  );
  const visit = node => {
    if (
      ts.isCallExpression(node) &&
      ts.isPropertyAccessExpression(node.expression)
    ) {
      const method = METHODS[node.expression.name.text];
      const literal = index => {
        const argument = index === undefined ? null : node.arguments[index];
        return argument && ts.isStringLiteralLike(argument)
          ? argument.text
          : undefined;
      };
      if (method && literal(method.text) !== undefined) {
        add({
          context: literal(method.context) ?? '',
          text: literal(method.text),
          ...(method.plural ? { plural: literal(method.plural) } : {})
        });
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
}

function extractSchema(value, place, add) {
  for (const [key, child] of Object.entries(value)) {
    const here = `${place}/${key}`;
    if (typeof child === 'string') {
      const context = SCHEMA_STRINGS.find(([pattern]) => pattern.test(here));
      if (context) {
        add({ context: context[1], text: child });
      }
    } else if (child && typeof child === 'object') {
      extractSchema(child, here, add);
    }
  }
}

function keyOf({ context, text }) {
  return context ? context + CONTEXT_MARK + text : text;
}

/** A .po file as its header and a map of key to `{ context, text, plural, translation }`. */
function readPo(content) {
  const entries = new Map();
  let header = '';
  for (const block of content.split(/\n\s*\n/)) {
    const fields = {};
    let field = '';
    for (const line of block.split('\n')) {
      const start = /^(msgctxt|msgid_plural|msgid|msgstr(?:\[0\])?)\s+"/.exec(
        line
      );
      const quoted = /"(?:[^"\\]|\\.)*"\s*$/.exec(line);
      if (line.startsWith('#') || !quoted) {
        continue;
      }
      field = start ? start[1] : field;
      fields[field] = (fields[field] ?? '') + JSON.parse(quoted[0].trim());
    }
    const translation = fields['msgstr'] ?? fields['msgstr[0]'];
    if (fields.msgid === '') {
      header = translation;
    } else if (fields.msgid !== undefined) {
      const entry = { context: fields.msgctxt ?? '', text: fields.msgid };
      entries.set(keyOf(entry), {
        ...entry,
        plural: fields.msgid_plural,
        translation: translation ?? ''
      });
    }
  }
  return { header, entries };
}

function writePo(header, entries) {
  const blocks = [['msgid ""', 'msgstr ""', ...headerLines(header)]];
  for (const { context, text, plural, translation } of entries.values()) {
    blocks.push([
      ...(context ? [`msgctxt ${JSON.stringify(context)}`] : []),
      `msgid ${JSON.stringify(text)}`,
      ...(plural
        ? [
            `msgid_plural ${JSON.stringify(plural)}`,
            `msgstr[0] ${JSON.stringify(translation)}`
          ]
        : [`msgstr ${JSON.stringify(translation)}`])
    ]);
  }
  return blocks.map(block => block.join('\n') + '\n').join('\n');
}

function headerLines(header) {
  return header
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.stringify(`${line}\n`));
}

/** What JupyterLab's front end loads. */
function toJson({ header, entries }, version) {
  const value = name =>
    (new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(header) ?? ['', ''])[1];
  const data = {
    '': {
      domain: DOMAIN,
      language: value('Language').replace('_', '-'),
      plural_forms: value('Plural-Forms'),
      version
    }
  };
  for (const [key, { plural, translation }] of entries) {
    // gettext.ts takes a plural only from a list of more than one, also in a
    // language that has one form.
    data[key] = plural ? [translation, translation] : [translation];
  }
  return JSON.stringify(data, null, 2) + '\n';
}

function catalogues() {
  return fs.readdirSync(LOCALES).map(language => {
    const folder = path.join(LOCALES, language, 'LC_MESSAGES');
    return {
      language,
      po: path.join(folder, `${DOMAIN}.po`),
      json: path.join(folder, `${DOMAIN}.json`)
    };
  });
}

function version() {
  const file = path.join(HERE, '..', 'package.json');
  return JSON.parse(fs.readFileSync(file, 'utf8')).version;
}

/** What is wrong with the catalogues, one sentence each. */
function check() {
  const strings = extract();
  const faults = [];
  for (const { language, po, json } of catalogues()) {
    const catalogue = readPo(fs.readFileSync(po, 'utf8'));
    for (const [key, { text, plural }] of strings) {
      const entry = catalogue.entries.get(key);
      if (!entry || !entry.translation) {
        faults.push(`${language}: not translated: ${text}`);
      } else if (
        placeholders(entry.translation) !== placeholders(plural ?? text)
      ) {
        faults.push(`${language}: other placeholders: ${text}`);
      }
    }
    for (const [key, { text, context }] of catalogue.entries) {
      if (!strings.has(key) && context !== DECLARED) {
        faults.push(`${language}: no longer used: ${text}`);
      }
    }
    if (toJson(catalogue, version()) !== fs.readFileSync(json, 'utf8')) {
      faults.push(`${language}: the .json is not that of the .po`);
    }
  }
  return faults;
}

function placeholders(text) {
  return [...new Set(text.match(/%\d/g) ?? [])].sort().join(' ');
}

function update() {
  const strings = extract();
  for (const { po, json } of catalogues()) {
    const { header, entries } = readPo(fs.readFileSync(po, 'utf8'));
    const merged = new Map();
    for (const [key, string] of strings) {
      const translation = entries.get(key)?.translation ?? '';
      merged.set(key, { ...string, translation });
    }
    for (const [key, entry] of entries) {
      if (entry.context === DECLARED) {
        merged.set(key, entry);
      }
    }
    fs.writeFileSync(po, writePo(header, merged));
    fs.writeFileSync(json, toJson({ header, entries: merged }, version()));
  }
}

module.exports = { check, extract, readPo, toJson, writePo };

if (require.main === module) {
  if (!process.argv.includes('--check')) {
    update();
  }
  const faults = check();
  process.stderr.write(faults.map(fault => `${fault}\n`).join(''));
  process.exitCode = faults.length ? 1 : 0;
}
