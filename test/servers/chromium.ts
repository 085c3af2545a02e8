import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const PROGRAM = process.env.LOVAGE_TEST_CHROMIUM ?? '/usr/bin/chromium'

/** Debian's Chromium without a window, in a profile of its own; it ends with the test. */
export async function startChromium(): Promise<Browser> {
  if (!existsSync(PROGRAM)) throw new Error(`There is no ${PROGRAM}; LOVAGE_TEST_CHROMIUM names another one.`)
  return chromium.launch({
    executablePath: PROGRAM,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  })
}
