# Loads the cmdlets from bin/ in an assembly load context of their own, and nothing else.
$bin = [System.IO.Path]::Combine($PSScriptRoot, 'bin')
$null = [System.Reflection.Assembly]::LoadFrom([System.IO.Path]::Combine($bin, 'Woodgrove.Citus.Loader.dll'))
# -Assembly alone puts the cmdlets into the session the first time only, not when the module is imported again.
Import-Module -Assembly ([Woodgrove.Citus.Loader.ModuleLoadContext]::Load()) -PassThru | Import-Module -Force
