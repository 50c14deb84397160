import { defineConfig } from "@playwright/test";

/** Debian's browser; nothing in it may talk to other hosts by itself. */
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

export default defineConfig({
  outputDir: "../../artifacts/ui/results",
  reporter: [["list"]],
  timeout: 60_000,
  expect: { timeout: 10_000 },
  fullyParallel: false,
  workers: 2,
  forbidOnly: Boolean(process.env.CI),
  use: {
    browserName: "chromium",
    locale: "en-US",
    timezoneId: "Europe/Rome",
    viewport: { width: 1440, height: 900 },
    screenshot: "only-on-failure",
    launchOptions: {
      executablePath: CHROMIUM,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
  projects: [
    // Sources and build, without a browser.
    { name: "static", testDir: "static" },
    // The built page against replies made here: every state, both languages, both widths, thousands of tasks.
    { name: "page", testDir: "page", fullyParallel: true },
    // The built page against a node with real mail servers.
    { name: "devnode", testDir: "devnode", timeout: 180_000, workers: 1 },
  ],
});
