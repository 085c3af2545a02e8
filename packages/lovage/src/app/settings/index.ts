export { defaultBrokerUrl, withFolder } from './default-broker.js'
export {
  inertWarnings,
  type SettingsInput,
  settingsFrom,
  settingsFromEnvironment,
} from './sources.js'
export { SETTINGS, type SettingName, type Settings } from './table.js'
