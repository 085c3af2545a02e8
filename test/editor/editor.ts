import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { getLibFiles, ts } from '@ts-morph/common'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** The compiler's own declarations, which the package carries in memory. */
const LIBRARIES = new Map(getLibFiles().map(({ fileName, text }) => [`${ROOT}lib/${fileName}`, text]))

/** What an editor knows of a program in a project that has the package: the language service that VS Code runs. */
export function openInEditor(program: string) {
  const file = `${ROOT}examples/in-an-editor.ts`
  const snapshot = (path: string) =>
    path === file ? program : (LIBRARIES.get(path) ?? ts.sys.readFile(path))
  const host: ts.LanguageServiceHost = {
    getCompilationSettings: () => ({
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      target: ts.ScriptTarget.ES2023,
      lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: true,
      types: ['node'],
      noEmit: true,
    }),
    getScriptFileNames: () => [file],
    getScriptVersion: () => '1',
    getScriptSnapshot(path) {
      const text = snapshot(path)
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text)
    },
    getCurrentDirectory: () => ROOT,
    getDefaultLibFileName: (options) => `${ROOT}lib/${ts.getDefaultLibFileName(options)}`,
    fileExists: (path) => path === file || LIBRARIES.has(path) || ts.sys.fileExists(path),
    readFile: (path) => snapshot(path),
    readDirectory: ts.sys.readDirectory,
    directoryExists: ts.sys.directoryExists,
    getDirectories: ts.sys.getDirectories,
    ...(ts.sys.realpath ? { realpath: ts.sys.realpath } : {}),
  }
  const service = ts.createLanguageService(host)
  return {
    /** The documentation that is shown over the first place where `word` stands. */
    hover(word: string): string {
      const info = service.getQuickInfoAtPosition(file, program.indexOf(word))
      const tags = (info?.tags ?? []).map(({ name, text }) => `@${name} ${ts.displayPartsToString(text)}`)
      return [ts.displayPartsToString(info?.documentation), ...tags].join('\n')
    },
    /** What the compiler says, a text for each mistake. */
    errors: (): readonly string[] =>
      [...service.getSyntacticDiagnostics(file), ...service.getSemanticDiagnostics(file)].map(
        ({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'),
      ),
  }
}

/** The names of all settings, as their table has them. */
export function settingNames(): readonly string[] {
  const table = readFileSync(`${ROOT}packages/lovage/src/app/settings/table.ts`, 'utf8')
  return [...table.matchAll(/^ {2}(\w+): /gm)].map(([, name = '']) => name)
}
