@{
    RootModule           = 'module/Woodgrove.Citus.psm1'
    # The one place of the version: Directory.Build.props and build.ps1 read it here.
    ModuleVersion        = '0.1.0'
    GUID                 = '6f2d7f0e-8a53-4d0a-9b67-3c1f6a0f4d21'
    Author               = 'Woodgrove.Citus contributors'
    CompanyName          = 'Woodgrove.Citus'
    Copyright            = 'Copyright (c) 2026 Woodgrove.Citus contributors. MIT licence.'
    Description          = 'Load, query and understand a Citus cluster (Azure Elastic Clusters, Azure Cosmos DB for PostgreSQL, or your own) from PowerShell.'
    PowerShellVersion    = '7.4'
    CompatiblePSEditions = @('Core')
    FormatsToProcess     = @('module/Woodgrove.Citus.Format.ps1xml', 'module/Woodgrove.Citus.Lists.Format.ps1xml')
    FunctionsToExport    = @()
    AliasesToExport      = @()
    VariablesToExport    = @()
    CmdletsToExport      = @(
        'Connect-CitusCluster', 'Disconnect-CitusCluster', 'Get-CitusConnection'
        'New-DistributedTable', 'New-ReferenceTable', 'Get-DistributedTable'
        'Set-DistributedTable', 'ConvertTo-LocalTable', 'Clear-LocalTableData'
        'Get-ColumnarTable', 'Set-ColumnarTable'
        'Get-DistributedSchema', 'ConvertTo-DistributedSchema', 'ConvertFrom-DistributedSchema', 'Move-DistributedSchema'
        'New-CitusTimePartition', 'Get-CitusTimePartition', 'Set-CitusTimePartition', 'Remove-CitusTimePartition'
        'Get-CitusNode', 'Get-ShardPlacement', 'Resolve-ShardPlacement', 'Measure-ShardSkew', 'Find-DistributionColumn'
        'Move-ShardPlacement', 'Split-Shard', 'Split-Tenant', 'Add-CitusNode', 'Set-CitusNode', 'Remove-CitusNode'
        'Add-CitusNodeClone', 'Get-CitusNodeClone', 'Complete-CitusNodeClone'
        'Get-CitusJob', 'Wait-CitusJob', 'Stop-CitusJob', 'Wait-ShardRebalance'
        'Start-ShardRebalance', 'Get-ShardRebalance', 'Stop-ShardRebalance', 'Get-Colocation', 'Test-Colocation'
        'Test-CitusCsv', 'Import-CsvToCitus', 'Add-CitusRow', 'Get-CitusImport', 'Remove-CitusImport', 'Repair-CitusImport', 'Export-CitusToCsv', 'Invoke-CitusQuery'
        'Get-CitusQueryPlan', 'Get-CitusQueryFragment', 'Compare-CitusQueryPlan'
        'Get-CitusActivity', 'Get-CitusLockWait', 'Get-CitusStatement', 'Get-CitusTenant', 'Stop-CitusActivity'
        'Export-CitusReport'
        'Export-CitusSchema', 'Import-CitusSchema', 'Find-DistributionPlan', 'Compare-CitusTable', 'Copy-CitusTable'
        'Test-CitusCluster', 'Get-CitusCheck', 'Invoke-CitusValidation', 'Get-CitusSetting', 'Repair-CitusCluster'
        'New-CitusRestorePoint', 'Get-CitusRestorePoint', 'Update-CitusStatistic'
        'Start-CitusSandbox', 'Stop-CitusSandbox', 'Get-CitusSandbox', 'New-CitusSampleData'
    )
    PrivateData          = @{
        PSData = @{
            Prerelease   = 'preview1'
            Tags         = @('Citus', 'PostgreSQL', 'distributed', 'sharding', 'COPY', 'CSV', 'Azure', 'DBA', 'PSEdition_Core', 'Windows', 'Linux', 'MacOS')
            # The help's online addresses begin with it.
            ProjectUri   = 'https://github.com/woodgrove/Woodgrove.Citus'
            LicenseUri   = 'https://github.com/woodgrove/Woodgrove.Citus/blob/main/LICENSE'
            IconUri      = 'https://raw.githubusercontent.com/woodgrove/Woodgrove.Citus/main/docs/icon.png'
            ReleaseNotes = @'
Version 0.1.0 is the first: connect to a cluster, distribute tables, load CSV files and objects exactly once, query, explain
query plans, look at shards and sessions, change tables, shards and nodes, check and repair a cluster, copy tables to another and
prove that both are equal, and try all of it on a throwaway one.
PowerShell 7.4 or later. All changes: https://github.com/woodgrove/Woodgrove.Citus/blob/main/CHANGELOG.md
'@
        }
    }
}
