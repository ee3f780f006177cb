const lab = require('@jupyterlab/testing/lib/jest-config')(__dirname);

// JupyterLab ships ES modules; Jest needs them as CommonJS.
const esModules = [
  '@codemirror/',
  '@jupyter/',
  '@jupyterlab/',
  '@lumino/',
  '@marijn/',
  '@microsoft/',
  'color',
  'exenv-es6',
  'lib0',
  'marked',
  'nanoid',
  'vscode-ws-jsonrpc',
  'y-protocols',
  'y-websocket',
  'yjs'
].join('|');

module.exports = {
  ...lab,
  rootDir: __dirname,
  reporters: ['default'],
  testRegex: '/__tests__/.*\\.spec\\.tsx?$',
  transform: {
    ...lab.transform,
    '^.+\\.tsx?$': [
      'ts-jest/legacy',
      { tsconfig: `${__dirname}/tsconfig.test.json` }
    ],
    '^.+\\.jsx?$': [
      'babel-jest',
      { configFile: `${__dirname}/babel.config.js` }
    ]
  },
  transformIgnorePatterns: [`/node_modules/(?!${esModules}).+`]
};
