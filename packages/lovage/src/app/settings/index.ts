export { SETTINGS, type SettingName, type Settings } from './table.js'
export { editDistance, inertWarnings, settingsFrom, settingsFromEnvironment, type SettingsInput } from './sources.js'
export { defaultBrokerUrl } from './default-broker.js'
