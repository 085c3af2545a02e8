import { examine } from 'lovage'
import { sendNotification } from '../app/workers/notifications.js'
import { app } from '../celery_app.js'

/**
 * Verifies configuration and connections, and sends a task through: one line a step, exit code 1 if one failed. The same as
 * `celery -A celery_app doctor`, with a mail to the operators as the task.
 */
export async function testCelery(write: (line: string) => void): Promise<number> {
  const findings = [...(await examine(app))]
  if (findings.every(({ passed }) => passed)) {
    const to = process.env.OPERATORS_MAIL ?? 'operators@localhost'
    const mail = await sendNotification.delay({ to, subject: 'A test', text: 'The task queue works.' })
    const sent = await mail.get({ timeout: 20 }).then(
      () => ({ passed: true, detail: `mailed to ${to}` }),
      (error: unknown) => ({
        passed: false,
        detail: String(error),
        advice: 'Check the log of the worker.',
      }),
    )
    findings.push({ check: 'demo task', ...sent })
  }
  for (const { check, passed, detail, advice } of findings)
    write(
      `${passed ? 'PASS' : 'FAIL'}  ${check.padEnd(24)} ${detail}${passed || !advice ? '' : `\n      ${advice}`}`,
    )
  return findings.every(({ passed }) => passed) ? 0 : 1
}
