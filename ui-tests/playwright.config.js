/**
 * JupyterLab in Debian's Chromium. Each worker starts a server of its own, see
 * support/fixtures.ts, so there is no webServer here.
 */

const fs = require('fs');
const baseConfig = require('@jupyterlab/galata/lib/playwright-config');

const BROWSERS = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome'
];

module.exports = {
  ...baseConfig,
  testDir: 'tests',
  outputDir: 'test-results',
  forbidOnly: Boolean(process.env.CI),
  fullyParallel: false,
  workers: 3,
  retries: 0,
  timeout: 90000,
  expect: { timeout: 20000 },
  reporter: [
    ['list'],
    ...(process.env.PLAYWRIGHT_JSON_OUTPUT_FILE ? [['json']] : [])
  ],
  use: {
    ...baseConfig.use,
    browserName: 'chromium',
    locale: 'en-US',
    screenshot: 'only-on-failure',
    // Records every step, which costs a sixth of the time: ask for it.
    trace: process.env.TRACE ? 'retain-on-failure' : 'off',
    video: 'off',
    viewport: { width: 1280, height: 800 },
    launchOptions: {
      executablePath:
        process.env.CHROMIUM || BROWSERS.find(path => fs.existsSync(path)),
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync'
      ]
    }
  }
};
