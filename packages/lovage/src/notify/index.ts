export { type EmailOptions, type NoticeChannel, toEmail, toLog, toSlack, toWebhook } from './channels.js'
export type { Notice, NoticeKind, NoticeMessage } from './notice.js'
export { type NotifierOptions, notifier } from './notifier.js'
export type { NoticeLimit } from './sender.js'
