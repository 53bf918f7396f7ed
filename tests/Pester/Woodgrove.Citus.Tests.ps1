#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }
<# The built module in pwsh, against a sandbox: what people type, and what they see. #>
[Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseDeclaredVarsMoreThanAssignments', '', Justification = 'Pester hands variables on from BeforeAll.')]
param()

BeforeAll {
    Import-Module (Join-Path $PSScriptRoot .. .. Woodgrove.Citus.psd1) -Force
    $PSStyle.OutputRendering = 'PlainText'
    $folder = Join-Path ([IO.Path]::GetTempPath()) "woodgrove-pester-$PID"
    $null = New-Item $folder -ItemType Directory -Force
    $sandbox = Start-CitusSandbox -WebRoot $folder -WarningAction SilentlyContinue
    New-DistributedTable payment_users user_id -Definition 'user_id bigint PRIMARY KEY, login text'
    New-DistributedTable payment_events user_id -ColocateWith payment_users -Definition 'event_id bigint, user_id bigint, amount numeric(8,2), PRIMARY KEY (event_id, user_id)'
    New-ReferenceTable payment_merchants -Definition 'merchant_id bigint PRIMARY KEY, name text'
}

AfterAll {
    Stop-CitusSandbox
    Remove-Item $folder -Recurse
}

Describe 'Loading' {
    BeforeEach {
        Invoke-CitusQuery 'TRUNCATE payment_events, payment_users'
        1..3 | ForEach-Object { "event_id,user_id,amount`n$_,5,1.50`n$($_ + 10),6,2.50" | Set-Content (Join-Path $folder "part-$_.csv") }
        Get-ChildItem $folder 'odd*' | Remove-Item
    }

    It 'takes files from Get-ChildItem' {
        $results = Get-ChildItem $folder -Filter part-*.csv | Import-CsvToCitus -Table payment_events
        $results.Rows | Should -Be 2, 2, 2
        Invoke-CitusQuery 'SELECT count(*), sum(amount) AS paid FROM payment_events' | ForEach-Object { "$($_.count) $($_.paid)" } | Should -Be '6 12.00'
    }

    It 'takes a file whose name has brackets from Get-ChildItem' {
        "event_id,user_id,amount`n99,5,1" | Set-Content -LiteralPath (Join-Path $folder 'odd[1].csv')
        (Get-ChildItem $folder -Filter odd*.csv | Import-CsvToCitus -Table payment_events).Rows | Should -Be 1
    }

    It 'takes wildcards and relative paths' {
        Push-Location $folder
        try { (Import-CsvToCitus ./part-*.csv payment_events | Measure-Object Rows -Sum).Sum | Should -Be 6 }
        finally { Pop-Location }
    }

    It 'takes what Export-Csv has written' {
        1..50 | ForEach-Object { [pscustomobject] @{ user_id = $_; login = "u`"$_`", é" } } | Export-Csv (Join-Path $folder users.csv)
        (Import-CsvToCitus (Join-Path $folder users.csv) payment_users).Rows | Should -Be 50
        Invoke-CitusQuery 'SELECT login FROM payment_users WHERE user_id = @id' -Parameter @{ id = 7 } -As Scalar | Should -Be 'u"7", é'
    }

    It 'names the line, the column and the value of a bad row, and the way out' {
        "event_id,user_id,amount`n1,5,1`n2,5,x" | Set-Content (Join-Path $folder bad.csv)
        Import-CsvToCitus (Join-Path $folder bad.csv) payment_events -ErrorAction SilentlyContinue -ErrorVariable failed
        $failed.Count | Should -Be 1
        $failed[0].FullyQualifiedErrorId | Should -BeLike 'CitusRowRefused,*'
        $failed[0].Exception.Row | ForEach-Object { "$($_.Line) $($_.Column) $($_.Value) $($_.SqlState)" } | Should -Be '3 amount x 22P02'
        $failed[0].ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
        $failed[0] | Get-Error | Out-String | Should -BeLike '*22P02*'
        # The console breaks lines where it will.
        ($failed[0] | Out-String) -replace '[\s|]+', ' ' | Should -BeLike '*line 3, column amount, value "x"*'
        Invoke-CitusQuery 'SELECT count(*) FROM payment_events' -As Scalar | Should -Be 0
    }

    It 'throws with -ErrorAction Stop' {
        { Import-CsvToCitus (Join-Path $folder nowhere.csv) payment_events -ErrorAction Stop } | Should -Throw -ErrorId 'CitusFileNotFound*'
    }
}

Describe 'Querying' {
    It 'stops when Select-Object has had enough' {
        $clock = [Diagnostics.Stopwatch]::StartNew()
        $rows = Invoke-CitusQuery "SELECT generate_series(1, 20000000) AS i, repeat('x', 1000) AS wide" | Select-Object -First 3
        $rows.i | Should -Be 1, 2, 3
        $clock.Elapsed.TotalSeconds | Should -BeLessThan 10
    }

    It 'feeds Where-Object, Group-Object, Sort-Object and ConvertTo-Json' {
        $groups = Invoke-CitusQuery 'SELECT i, i % 3 AS part FROM generate_series(1, 9) i' | Where-Object i -gt 3 | Group-Object part
        $groups | ForEach-Object Count | Should -Be 2, 2, 2
        Invoke-CitusQuery 'SELECT 1 AS a, NULL AS b' | ConvertTo-Json -Compress | Should -Be '{"a":1,"b":null}'
    }

    It 'reads the catalogs of Citus, names of tables included' {
        (Invoke-CitusQuery "SELECT logicalrelid FROM pg_dist_partition WHERE logicalrelid = 'payment_users'::regclass").logicalrelid | Should -Be payment_users
        (Invoke-CitusQuery 'SELECT * FROM citus_tables' | ForEach-Object table_name) | Should -Contain payment_events
    }

    It 'shows rows as a table' {
        Invoke-CitusQuery 'SELECT 1 AS first, 2 AS second' | Out-String | Should -Match 'first +second'
    }
}

Describe 'Looking' {
    It 'lists tables, placements and nodes by their views' {
        Get-DistributedTable | Out-String | Should -Match 'payment_events +Distributed +user_id'
        Get-ShardPlacement payment_users -Value 5 | Out-String | Should -Match 'payment_users +\d+ +-?\d+ +-?\d+'
        Get-CitusNode | Out-String | Should -Match 'Coordinator'
        $sandbox | Out-String | Should -Match '127\.0\.0\.1'
    }

    It 'pipes tables into placements' {
        $placements = Get-DistributedTable payment_users | Get-ShardPlacement
        $placements.Count | Should -Be 32
        ($placements | Sort-Object HashMin)[0].HashMin | Should -Be ([int]::MinValue)
        'payment_users', 'payment_events' | Get-ShardPlacement -Value 5 | ForEach-Object HashMin | Select-Object -Unique | Should -HaveCount 1
    }

    It 'shows no secret' {
        $connection = Get-CitusConnection
        $connection | Format-List * -Force | Out-String | Should -Not -Match '(?i)password'
        $connection | ConvertTo-Json -Depth 3 -WarningAction SilentlyContinue | Should -Not -Match '(?i)password'
        "$connection" | Should -Be $connection.Name
    }
}

Describe 'Completing' {
    It 'completes <Line>' -ForEach @(
        @{ Line = 'Get-ShardPlacement payment_u'; Expected = 'payment_users' }
        @{ Line = 'Import-CsvToCitus x.csv -Table payment_e'; Expected = 'payment_events' }
        @{ Line = 'Import-CsvToCitus x.csv -Table payment_events -Column am'; Expected = 'amount' }
        @{ Line = 'New-DistributedTable payment_merchants -DistributionColumn mer'; Expected = 'merchant_id' }
        @{ Line = 'New-DistributedTable x y -ColocateWith payment_us'; Expected = 'payment_users' }
        @{ Line = 'Invoke-CitusQuery -As Sca'; Expected = 'Scalar' }
        @{ Line = 'Test-CitusCluster -Check Inv'; Expected = 'InvalidIndexes' }
        @{ Line = 'Get-CitusSetting citus.max_sh'; Expected = 'citus.max_shared_pool_size' }
        @{ Line = 'Start-CitusSandbox -Engine Cit'; Expected = 'Citus' }
    ) {
        (TabExpansion2 $Line $Line.Length).CompletionMatches.CompletionText | Should -Contain $Expected
    }

    It 'completes names of connections' {
        $line = 'Get-CitusNode -Connection '
        (TabExpansion2 $line $line.Length).CompletionMatches.ListItemText | Should -Contain (Get-CitusConnection).Name
    }
}
