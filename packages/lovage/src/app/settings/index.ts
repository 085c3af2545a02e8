export { type SettingsLayer, SettingsLayers } from './layers.js'
export {
  type SettingsInput,
  settingsFrom,
  settingsFromEnvironment,
} from './sources.js'
export { SETTINGS, type SettingName, type Settings } from './table.js'
