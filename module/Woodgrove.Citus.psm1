# Loads the cmdlets from bin/ in an assembly load context of their own, and nothing else.
$bin = [System.IO.Path]::Combine($PSScriptRoot, 'bin')
$null = [System.Reflection.Assembly]::LoadFrom([System.IO.Path]::Combine($bin, 'Woodgrove.Citus.Loader.dll'))
$cmdlets = Import-Module -Assembly ([Woodgrove.Citus.Loader.ModuleLoadContext]::Load()) -PassThru
# PowerShell keeps a module of an assembly, and would not put its cmdlets into the session when this one is imported again.
$ExecutionContext.SessionState.Module.OnRemove = { Remove-Module -ModuleInfo $cmdlets -Force }
