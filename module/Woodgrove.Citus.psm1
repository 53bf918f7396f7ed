# Loads the cmdlets from bin/ in an assembly load context of their own, and nothing else.
$bin = [System.IO.Path]::Combine($PSScriptRoot, 'bin')
$null = [System.Reflection.Assembly]::LoadFrom([System.IO.Path]::Combine($bin, 'Woodgrove.Citus.Loader.dll'))
Import-Module -Assembly ([Woodgrove.Citus.Loader.ModuleLoadContext]::Load())
