#Requires -Version 7.4
<#
.SYNOPSIS
    Builds, tests, packages and publishes Woodgrove.Citus; a few lines over dotnet.
.EXAMPLE
    ./build.ps1
    Builds; Import-Module ./Woodgrove.Citus.psd1 works then.
.EXAMPLE
    ./build.ps1 -Task Test
.EXAMPLE
    ./build.ps1 -Task Analyze
    Runs PSScriptAnalyzer, which must be installed, over all scripts.
.EXAMPLE
    ./build.ps1 -Task Package
    Writes out/Woodgrove.Citus.<version>.zip, to unpack into a folder of $env:PSModulePath, and a .nupkg for Install-PSResource.
    What was packed is imported in a process of its own before that.
.EXAMPLE
    ./build.ps1 -Task Package, Publish -AllRuntimes
    Publishes to the PowerShell Gallery with the key in $env:PSGALLERY_API_KEY.
.EXAMPLE
    ./build.ps1 -Task Benchmark -Rows 6000000
    Loads that many rows by each route and by psql.
#>
[CmdletBinding()]
param(
    [ValidateSet('Build', 'Test', 'Analyze', 'Package', 'Publish', 'Benchmark')] [string[]] $Task = 'Build',
    [ValidateSet('Debug', 'Release')] [string] $Configuration = 'Release',
    # The runtimes whose assemblies are compiled ahead; all others run the portable ones.
    [string[]] $Runtime = @('win-x64', 'linux-x64', 'osx-arm64'),
    # A runtime that cannot be compiled for here is an error, not a warning.
    [switch] $AllRuntimes,
    [string] $OutputPath = (Join-Path $PSScriptRoot out),
    # Where Publish sends the package: a repository that Get-PSResourceRepository lists.
    [string] $Repository = 'PSGallery',
    # How many rows Benchmark loads, each of five times.
    [int] $Rows = 1000000
)
Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
$solution = Join-Path $PSScriptRoot Woodgrove.Citus.slnx
$project = Join-Path $PSScriptRoot src Woodgrove.Citus Woodgrove.Citus.csproj
$manifest = Join-Path $PSScriptRoot Woodgrove.Citus.psd1
$data = Import-PowerShellDataFile $manifest
$gallery = $data.PrivateData.PSData
$version = @($data.ModuleVersion, $gallery['Prerelease']).Where({ $_ }) -join '-'
$package = Join-Path $OutputPath "Woodgrove.Citus.$version.nupkg"

function Invoke-Dotnet { & dotnet @args; if ($LASTEXITCODE) { throw "dotnet $args ended with exit code $LASTEXITCODE." } }

function Build { Invoke-Dotnet build $solution --configuration $Configuration }

# The Pester suites are among the tests: PowerShell and Pester come as packages.
function Test { Invoke-Dotnet test $solution --configuration $Configuration }

function Analyze {
    $findings = Get-ChildItem $PSScriptRoot -Recurse -File -Include *.ps1, *.psm1, *.psd1 | Where-Object FullName -NotMatch '[\\/](bin|obj|out)[\\/]' |
        ForEach-Object { Invoke-ScriptAnalyzer -Path $_.FullName -Settings (Join-Path $PSScriptRoot PSScriptAnalyzerSettings.psd1) }
    $findings | ForEach-Object { "$($_.ScriptPath):$($_.Line): $($_.RuleName): $($_.Message)" }
    if ($findings) { throw "PSScriptAnalyzer has $(@($findings).Count) findings." }
}

function Package {
    $layout = Join-Path $OutputPath Woodgrove.Citus $data.ModuleVersion
    foreach ($old in (Split-Path $layout), $package) { if (Test-Path $old) { Remove-Item $old -Recurse } }
    $null = New-Item $layout -ItemType Directory
    Copy-Item $manifest, (Join-Path $PSScriptRoot LICENSE), (Join-Path $PSScriptRoot module) $layout -Recurse
    $bin = Join-Path $layout module bin
    if (Test-Path $bin) { Remove-Item $bin -Recurse }

    # The checkout's own module/bin stays as it is.
    Invoke-Dotnet build $project --configuration $Configuration "-p:ReadyToRunRuntimes=" "-p:ModuleBin=$bin/"
    foreach ($name in $Runtime) { Add-Runtime $name (Join-Path $bin $name) }
    # Each publish has restored the project for its runtime; after one that failed, the steps below would fail too.
    Invoke-Dotnet restore $project "-p:Configuration=$Configuration" "-p:ReadyToRunRuntimes="
    Get-ChildItem $layout -Recurse -Filter *.pdb | Remove-Item
    Add-Bill $layout

    Compress-Module $layout
    Test-Package
    $zip = [System.IO.Path]::ChangeExtension($package, 'zip')
    if (Test-Path $zip) { Remove-Item $zip }
    [System.IO.Compression.ZipFile]::CreateFromDirectory((Split-Path $layout), $zip, 'Optimal', $true)
    Get-Item $package, $zip
}

# Assemblies compiled ahead for one runtime.
function Add-Runtime([string] $Name, [string] $Folder) {
    & dotnet publish $project --configuration $Configuration --runtime $Name --no-self-contained "-p:ReadyToRunRuntimes=$Name" --output $Folder
    if ($LASTEXITCODE -and $AllRuntimes) { throw "The assemblies could not be compiled ahead for $Name; what dotnet printed says why." }
    if ($LASTEXITCODE) {
        Write-Warning "The assemblies could not be compiled ahead for $Name (what dotnet printed says why); PowerShell there will run the portable ones."
        if (Test-Path $Folder) { Remove-Item $Folder -Recurse }
        return
    }
    # Get-Help looks for en-US beside the assembly.
    Copy-Item (Join-Path $PSScriptRoot module en-US) $Folder -Recurse
}

# bom.json lists the packages whose assemblies are shipped, with their licences.
function Add-Bill([string] $Folder) {
    Push-Location $PSScriptRoot
    try {
        Invoke-Dotnet tool restore
        Invoke-Dotnet CycloneDX $project --output $Folder --filename bom.json --output-format Json --disable-package-restore --no-serial-number `
            --set-name Woodgrove.Citus --set-version $version --set-type Library --exclude-filter PowerShellStandard.Library
    }
    finally { Pop-Location }
}

function Compress-Module([string] $Folder) {
    if (Get-Command Compress-PSResource -ErrorAction Ignore) { Compress-PSResource $Folder $OutputPath; return }
    # Without Microsoft.PowerShell.PSResourceGet: the same fields, packed by dotnet.
    $fields = [ordered] @{
        id = 'Woodgrove.Citus'; version = $version; authors = $data.Author; owners = $data.CompanyName; requireLicenseAcceptance = 'false'
        licenseUrl = $gallery.LicenseUri; projectUrl = $gallery.ProjectUri; iconUrl = $gallery.IconUri; description = $data.Description
        releaseNotes = $gallery.ReleaseNotes.Trim(); copyright = $data.Copyright; tags = @('PSModule') + $gallery.Tags -join ' '
    }
    $metadata = $fields.GetEnumerator() | ForEach-Object { "<$($_.Key)>$([System.Security.SecurityElement]::Escape($_.Value))</$($_.Key)>" }
    $nuspec = Join-Path $OutputPath Woodgrove.Citus.nuspec
    Set-Content $nuspec "<package xmlns=`"http://schemas.microsoft.com/packaging/2011/08/nuspec.xsd`"><metadata>$metadata</metadata></package>"
    Invoke-Dotnet pack $project --configuration $Configuration --no-build --output $OutputPath "-p:ReadyToRunRuntimes=" `
        "-p:NuspecFile=$nuspec" "-p:NuspecBasePath=$Folder" "-p:NoPackageAnalysis=true"
    Remove-Item $nuspec
}

# Imports what was packed in a process of its own, as a user will.
function Test-Package {
    $folder = Join-Path ([System.IO.Path]::GetTempPath()) "woodgrove-package-$PID"
    try {
        [System.IO.Compression.ZipFile]::ExtractToDirectory($package, $folder)
        $check = {
            param($Manifest)
            $module = Import-Module $Manifest -PassThru -ErrorAction Stop
            $missing = (Import-PowerShellDataFile $Manifest).CmdletsToExport | Where-Object { (Get-Help $_ -ErrorAction Stop).Synopsis.Length -lt 10 }
            if ($missing) { throw "No help of $missing." }
            "$($module.ExportedCmdlets.Count) cmdlets from $((Get-Command Get-CitusNode).ImplementingType.Assembly.Location)"
        }
        $said = & (Join-Path $PSHOME pwsh) -NoProfile -NonInteractive -Command "& { $check } '$folder/Woodgrove.Citus.psd1'"
        if ($LASTEXITCODE -or $said -notlike "$($data.CmdletsToExport.Count) cmdlets from *") { throw "The packed module does not import in a new process: $said" }
        "Imported from the package: $said"
    }
    finally { if (Test-Path $folder) { Remove-Item $folder -Recurse -Force } }
}

function Publish {
    if ($env:GITHUB_REF_TYPE -eq 'tag' -and $env:GITHUB_REF_NAME -ne "v$version") {
        throw "The tag is $env:GITHUB_REF_NAME, but the manifest's version is $version. Change one of the two."
    }
    $key = if ($env:PSGALLERY_API_KEY) { @{ ApiKey = $env:PSGALLERY_API_KEY } } else { @{} }
    Publish-PSResource -NupkgPath $package -Repository $Repository @key
}

# Writes tests/Woodgrove.Citus.Benchmarks/results/load.md, and in a GitHub workflow posts it on the run's page.
function Benchmark {
    $benchmarks = Join-Path $PSScriptRoot tests Woodgrove.Citus.Benchmarks
    Invoke-Dotnet run --configuration Release --project $benchmarks -- load --rows $Rows
    if ($env:GITHUB_STEP_SUMMARY) { Get-Content (Join-Path $benchmarks results load.md) | Add-Content $env:GITHUB_STEP_SUMMARY }
}

foreach ($name in $Task) { & $name }
