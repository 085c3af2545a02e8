#!/usr/bin/env node
// A file that is there before the first build, so that npm can link it.
import '../dist/cli/main.js'
