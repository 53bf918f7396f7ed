using System.Diagnostics;
using System.Globalization;
using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Transfer;

/// <summary>Copies that lose a connection, a process, a server or their table on the way, at a chosen moment.</summary>
public sealed class CopyFaultTests : ClusterTest, IClassFixture<CopyClusters>, IDisposable
{
    private readonly CopyClusters _clusters;
    private readonly TcpProxy[] _from, _to; // the coordinator's first

    public CopyFaultTests(CopyClusters clusters, ClusterFixture cluster) : base(cluster)
    {
        cluster.RequireSandbox();
        cluster.RequireCitus();
        _clusters = clusters;
        _from = Before('a');
        _to = Before('b');
        foreach (char c in "ab")
        {
            clusters.Execute(c, """
                DROP TABLE IF EXISTS faulty, faulty_too, parted, plain_too;
                CREATE TABLE faulty (id bigint, user_id bigint, note text);
                SELECT create_distributed_table('faulty', 'user_id', shard_count := 8, colocate_with := 'none');
                CREATE INDEX faulty_note ON faulty (note)
                """);
        }
        clusters.Execute('a', "INSERT INTO faulty SELECT i, i % 500, 'note ' || i FROM generate_series(1, 40000) i");
    }

    public void Dispose()
    {
        foreach (TcpProxy proxy in _from.Concat(_to)) proxy.Dispose();
    }

    /// <summary>Which side, its coordinator or workers, the statement that is cut, how many pass before it, and when.</summary>
    [Theory]
    [InlineData('b', false, "COPY", 2, "Before")]
    [InlineData('b', false, "PREPARE TRANSACTION", 1, "Before")]
    [InlineData('b', false, "PREPARE TRANSACTION", 1, "After")]
    [InlineData('b', true, "PREPARE TRANSACTION", 2, "After")]
    [InlineData('b', true, "lock_shard_metadata", 3, "Before")]
    [InlineData('b', true, "INSERT INTO woodgrove.import_batch", 3, "Before")]
    [InlineData('a', false, "COPY", 3, "Before")]
    [InlineData('a', false, "RELEASE SAVEPOINT", 2, "After")]
    public void A_lost_connection_is_retried_from_the_last_committed_part(char side, bool atCoordinator, string statement, int skip,
        string moment)
    {
        TcpProxy[] proxies = side == 'a' ? _from : _to;
        // Each worker has half of the shards.
        TcpProxy proxy = proxies[atCoordinator ? 0 : 1];
        proxy.CutAt(statement, skip, Enum.Parse<CutMoment>(moment));

        RunResult run = Copy("faulty", "-ThrottleLimit 2 -DeferIndexes").Succeeded();

        Assert.Equal(1, proxy.Cuts);
        Assert.Contains(run.Warnings, w => w.Contains("Trying again in ", StringComparison.Ordinal)
            || w.Contains("Going on after the last committed part.", StringComparison.Ordinal));
        AssertComplete();
        // The rows of the source are still of one instant where its sessions live.
        Assert.Equal((40_000L, 8, 0), (run.Single.Get("Rows"), run.Single.Get("Parts"), run.Single.Get("PartsBefore")));
        Assert.Equal(side == 'b', run.Single.Get("IsSnapshot"));
        Assert.Equal(side == 'a', run.Warnings.Any(w => w.StartsWith("The source's sessions were lost.", StringComparison.Ordinal)));
    }

    /// <summary>The outcome of a commit whose answer is lost is in the ledger.</summary>
    [Theory]
    [InlineData("Before")]
    [InlineData("After")]
    public void A_table_that_goes_through_the_coordinator_is_copied_once_though_its_commit_was_lost(string moment)
    {
        foreach (char cluster in "ab") _clusters.Execute(cluster, "CREATE TABLE plain_too (id bigint, note text)");
        _clusters.Execute('a', "INSERT INTO plain_too SELECT i, 'n' || i FROM generate_series(1, 3000) i");
        _to[0].CutAt("COMMIT", 0, Enum.Parse<CutMoment>(moment));

        RunResult run = Copy("plain_too", "").Succeeded();

        Assert.Equal((1, 1), (_to[0].Cuts, run.Warnings.Count(w => w.Contains("Trying again in ", StringComparison.Ordinal))));
        Assert.Equal((3000L, "Coordinator"), (run.Single.Get("Rows"), run.Single.Get("Method")!.ToString()));
        _clusters.AssertSame("plain_too");
    }

    [Fact]
    public async Task A_worker_that_is_away_for_a_while_once_parts_are_committed_is_waited_for()
    {
        _to[1].CutAt("PREPARE TRANSACTION", 2, CutMoment.Held);
        using PowerShell copy = _clusters.Shell.Create($"{Connected()}; Copy-CitusTable faulty -From a -To b -ThrottleLimit 1");
        Task<PSDataCollection<PSObject>> running = copy.InvokeAsync();
        await _to[1].Held.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        Assert.InRange((long)_clusters.Scalar('b', "SELECT count(*) FROM faulty")!, 1, 39_999);
        _to[1].Cut(TimeSpan.FromSeconds(5));
        _to[1].Release();

        PSDataCollection<PSObject> results = await running.WaitAsync(TimeSpan.FromMinutes(3), TestContext.Current.CancellationToken);

        Assert.Empty(copy.Streams.Error);
        string[] warnings = [.. copy.Streams.Warning.Select(w => w.Message)];
        Assert.Single(warnings, w => w.Contains("Going on after the last committed part.", StringComparison.Ordinal));
        Assert.Contains(warnings, w => w.Contains("Trying again in ", StringComparison.Ordinal));
        Assert.Equal((40_000L, true), (Assert.Single(results).Get("Rows"), results[0].Get("IsSnapshot")));
        _clusters.Connect('a', "a");
        _clusters.Connect('b', "b");
        AssertComplete();
    }

    [Fact]
    public void Attempts_are_bounded_where_nothing_is_committed_between_them_and_a_refused_row_is_not_tried_again()
    {
        _to[1].CutAt("COPY", 0, CutMoment.Before, times: 1000);
        RunResult run = Copy("faulty", "");
        ErrorRecord error = run.Failed("CitusConnectionLost");
        // An attempt in which a part of the other worker is committed begins the six again.
        Assert.InRange(run.Warnings.Count(w => w.Contains("Trying again in ", StringComparison.Ordinal)), 6, 5 * 6);
        Assert.Contains("-ImportId", error.Exception.Message, StringComparison.Ordinal);
        _clusters.AssertNothingLeft();
        _to[1].CutAt("never", 0, CutMoment.Before);

        _clusters.Execute('b', "TRUNCATE faulty;\nALTER TABLE faulty ADD CONSTRAINT no_17 CHECK (id <> 17)");
        run = Copy("faulty", "");
        Assert.Contains("no_17", run.Failed("CitusConstraintViolation").Exception.Message, StringComparison.Ordinal);
        Assert.Empty(run.Warnings);
    }

    [Fact]
    public async Task A_copy_whose_client_was_killed_goes_on_where_the_targets_shards_have_moved_since()
    {
        Guid id = Guid.NewGuid();
        await KillAtAsync(_to[1], "PREPARE TRANSACTION", 2, $"Copy-CitusTable faulty -From a -To b -ImportId {id} -ThrottleLimit 1");
        long before = (long)_clusters.Scalar('b', "SELECT count(*) FROM faulty")!;
        Assert.InRange(before, 1, 39_999);
        int[] ports = [.. _clusters.Servers('b').Select(s => s.Port)];
        long[] first = Shards(1), second = Shards(2);
        Assert.NotEmpty(first);
        // One each way: by the module, and by Citus's own function.
        _clusters.Shell.Run($"Move-ShardPlacement {first[0]} 127.0.0.1:{ports[2]} -TransferMode block_writes -Connection b "
            + "-Confirm:$false").Succeeded();
        _clusters.Execute('b', $"SELECT citus_move_shard_placement({second[0]}, '127.0.0.1', {ports[2]}, '127.0.0.1', {ports[1]}, "
            + "'block_writes')");
        Assert.Contains(first[0], Shards(2));

        PSObject rest = _clusters.Shell.Run($"Copy-CitusTable faulty -From a -To b -ImportId {id}").Single;

        Assert.Equal((before, 40_000 - before), (rest.Get("RowsBefore"), rest.Get("Rows")));
        AssertComplete();

        long[] Shards(int worker) => [.. ((string)_clusters.Scalar('b', "SELECT coalesce(string_agg(shardid::text, ' ' ORDER BY shardid), "
            + $"'') FROM citus_shards WHERE table_name = 'faulty'::regclass AND nodeport = {ports[worker]}")!)
            .Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(s => long.Parse(s, CultureInfo.InvariantCulture))];
    }

    [Fact]
    public void A_copy_goes_on_from_the_sources_standby_once_that_is_promoted()
    {
        _clusters.Execute('a', "DROP DATABASE IF EXISTS primary_only;\nCREATE DATABASE primary_only");
        foreach ((char cluster, string database) in new[] { ('a', "primary_only"), ('b', "citus") })
            _clusters.Execute(cluster, "CREATE TABLE faulty_too (id bigint PRIMARY KEY, note text);\n"
                + "CREATE TABLE plain_too (id bigint, note text)", database);
        _clusters.Execute('a', "INSERT INTO faulty_too SELECT i, 'n' || i FROM generate_series(1, 3000) i;\n"
            + "INSERT INTO plain_too SELECT i, 'n' || i FROM generate_series(1, 3000) i", "primary_only");
        _clusters.Execute('b', "SELECT create_distributed_table('faulty_too', 'id', shard_count := 4);\n"
            + "ALTER TABLE plain_too ADD CONSTRAINT no_17 CHECK (id <> 17)");
        using CopiedServer standby = CopiedServer.Start(_clusters.Servers('a')[0], isStandby: true);
        _clusters.Connect('a', "primary", "primary_only");
        _clusters.Connect('a', "standby", "primary_only", port: standby.Port);
        Guid id = Guid.NewGuid();
        _clusters.Shell.Run($"Copy-CitusTable faulty_too, plain_too -From primary -To b -ImportId {id}").Failed("CitusConstraintViolation");
        standby.Promote();
        _clusters.Execute('b', "ALTER TABLE plain_too DROP CONSTRAINT no_17");

        IReadOnlyList<PSObject> copied = _clusters.Shell.Get($"Copy-CitusTable faulty_too, plain_too -From standby -To b -ImportId {id}");

        Assert.Equal(["faulty_too 0", "plain_too 3000"], copied.Select(r => $"{r.Get("Table")} {r.Get("Rows")}"));
        foreach (string table in new[] { "faulty_too", "plain_too" })
            Assert.Equal(_clusters.Content('a', table, "primary_only"), _clusters.Content('b', table));
    }

    [Fact]
    public void Indexes_that_a_copy_has_dropped_are_made_again_when_it_is_removed()
    {
        string definitions = Definitions("faulty");
        _clusters.Execute('b', "ALTER TABLE faulty ADD CONSTRAINT no_17 CHECK (id <> 17)");
        for (int i = 0; i < 2; i++)
        {
            bool isGone = i == 1;
            Guid id = Guid.NewGuid();
            ErrorRecord error = _clusters.Shell.Run($"Copy-CitusTable faulty -From a -To b -ImportId {id} -DeferIndexes")
                .Failed("CitusConstraintViolation");
            Assert.Contains("woodgrove.deferred_definition", error.Exception.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("faulty_note", Definitions("faulty"), StringComparison.Ordinal);
            string import = (string)_clusters.Scalar('b', "SELECT DISTINCT import_id::text FROM woodgrove.deferred_definition")!;
            _clusters.Shell.Run($"Remove-CitusImport {import} -WhatIf -Connection b").Succeeded();
            Assert.Equal(1L, _clusters.Scalar('b', "SELECT count(*) FROM woodgrove.deferred_definition"));
            if (isGone) _clusters.Execute('b', "DROP TABLE faulty");

            RunResult run = _clusters.Shell.Run($"Remove-CitusImport {import} -Confirm:$false -Connection b").Succeeded();

            Assert.Contains("CREATE INDEX faulty_note ON", Assert.Single(run.Warnings), StringComparison.Ordinal);
            Assert.Equal(0L, _clusters.Scalar('b', "SELECT count(*) FROM woodgrove.deferred_definition"));
            if (!isGone) Assert.Contains(definitions, Definitions("faulty"), StringComparison.Ordinal);
            else Assert.Contains("Not recreated", run.Warnings[0], StringComparison.Ordinal);
            _clusters.Shell.Run($"Remove-CitusImport {import} -Confirm:$false -Connection b").Failed("CitusImportNotFound");
            if (!isGone) _clusters.Execute('b', "TRUNCATE faulty");
        }
    }

    [Fact]
    public void An_index_that_somebody_has_made_meanwhile_stays()
    {
        Guid id = Guid.NewGuid();
        _clusters.Execute('b', "ALTER TABLE faulty ADD CONSTRAINT no_17 CHECK (id <> 17)");
        _clusters.Shell.Run($"Copy-CitusTable faulty -From a -To b -ImportId {id} -DeferIndexes").Failed("CitusConstraintViolation");
        _clusters.Execute('b', "ALTER TABLE faulty DROP CONSTRAINT no_17;\nCREATE INDEX faulty_note ON faulty (note)");

        RunResult run = _clusters.Shell.Run($"Copy-CitusTable faulty -From a -To b -ImportId {id} -DeferIndexes -Verbose").Succeeded();

        Assert.Contains(run.Verbose, v => v.StartsWith("Not recreated, because ", StringComparison.Ordinal));
        AssertComplete();
    }

    [Fact]
    public void Indexes_and_foreign_keys_of_a_partitioned_table_are_deferred_and_come_back_under_their_names()
    {
        foreach (char cluster in "ab")
            _clusters.Execute(cluster, """
                DROP TABLE IF EXISTS parted, parted_users;
                CREATE TABLE parted_users (user_id bigint PRIMARY KEY);
                CREATE TABLE parted (user_id bigint, at date, value numeric, PRIMARY KEY (user_id, at)) PARTITION BY RANGE (at);
                CREATE TABLE parted_old PARTITION OF parted FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
                CREATE TABLE parted_new PARTITION OF parted FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
                SELECT create_distributed_table('parted_users', 'user_id', shard_count := 4, colocate_with := 'none');
                SELECT create_distributed_table('parted', 'user_id', colocate_with := 'parted_users');
                CREATE INDEX parted_value ON parted (value) WHERE value > 3;
                CREATE INDEX "of the old" ON parted_old (at, value);
                ALTER INDEX parted_new_value_idx RENAME TO "Odd name";
                ALTER TABLE parted ADD CONSTRAINT of_user FOREIGN KEY (user_id) REFERENCES parted_users;
                COMMENT ON INDEX parted_value IS 'its comment'
                """);
        _clusters.Execute('a', "INSERT INTO parted_users SELECT generate_series(1, 500);\n"
            + "INSERT INTO parted SELECT 1 + i % 500, '2023-01-01'::date + i % 700, i FROM generate_series(1, 3000) i ON CONFLICT DO NOTHING");
        string definitions = Definitions("parted"), onWorkers = OnWorkers();
        Assert.Contains("\"Odd name\"", definitions, StringComparison.Ordinal);
        _to[1].CutAt("COPY", 1, CutMoment.Before); // and a second attempt does not defer them again

        RunResult run = Copy("parted, parted_users", "-DeferIndexes -Verbose").Succeeded();

        _clusters.AssertSame("parted", "parted_users");
        Assert.Equal(definitions, Definitions("parted"));
        Assert.Equal(onWorkers, OnWorkers());
        Assert.Contains(run.Verbose, v => v.StartsWith("CREATE INDEX parted_value ON public.parted", StringComparison.Ordinal));
        Assert.Contains(run.Verbose, v => v.Contains("ADD CONSTRAINT of_user", StringComparison.Ordinal));
        Assert.True(run.Output.Single(r => r.Get("Table") is "parted").Get("IndexDuration") is TimeSpan);

        string OnWorkers() => (string)_clusters.Scalar('b', """
            SELECT string_agg(result, ' ' ORDER BY result) FROM run_command_on_workers($$
                SELECT count(*) || ' ' || count(*) FILTER (WHERE c.relispartition) || ' ' || count(*) FILTER (WHERE x.indisvalid)
                FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid WHERE x.indrelid::regclass::text LIKE 'parted%'$$)
            """)!;
    }

    /// <summary>Runs a copy in a process of its own until a proxy holds a statement back, and kills it there.</summary>
    private async Task KillAtAsync(TcpProxy proxy, string statement, int skip, string copy)
    {
        proxy.CutAt(statement, skip, CutMoment.Held);
        using Process process = Repository.StartScript($"{Connected()}\n{copy} -ErrorAction Stop");
        Task ended = process.WaitForExitAsync(TestContext.Current.CancellationToken);
        if (await Task.WhenAny(proxy.Held, ended).WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken) == ended)
            Assert.Fail(await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        process.Kill();
        await ended;
        foreach (TcpProxy each in _from.Concat(_to)) each.Cut(TimeSpan.Zero);
        for (int attempt = 0; attempt < 600 && IsAlive(); attempt++) await Task.Delay(100, TestContext.Current.CancellationToken);

        bool IsAlive() => _clusters.Scalar('b', """
            SELECT sum(result::int)::int FROM run_command_on_all_nodes($$SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
                AND classid IN (1464815428, 1464815429) AND objid <> 0$$)
            """) is not 0L and not 0;
    }

    private RunResult Copy(string tables, string how)
    {
        RunResult run = _clusters.Shell.Run($"{Connected()}; Copy-CitusTable {tables} -From a -To b {how}");
        // Without the proxies again.
        _clusters.Connect('a', "a");
        _clusters.Connect('b', "b");
        return run;
    }

    private string Connected() => string.Join("; ", "ab".Select(c => $"$null = Connect-CitusCluster -ConnectionString "
        + $"'{_clusters.ConnectionString(c, port: Proxies(c)[0].Port)}' -Name {c} -NodeAddress @{{ "
        + string.Join("; ", _clusters.Servers(c).Zip(Proxies(c), (s, p) => $"'127.0.0.1:{s.Port}' = '127.0.0.1:{p.Port}'")) + " }"));

    private TcpProxy[] Proxies(char cluster) => cluster == 'a' ? _from : _to;

    private TcpProxy[] Before(char cluster) => [.. _clusters.Servers(cluster).Select(s => new TcpProxy(s.Port))];

    private void AssertComplete()
    {
        _clusters.AssertSame("faulty");
        _clusters.AssertNothingLeft();
        Assert.Equal(1L, _clusters.Scalar('b', "SELECT count(*) FROM pg_indexes WHERE indexname = 'faulty_note'"));
    }

    private string Definitions(string table) => (string)_clusters.Scalar('b', $"""
        WITH tables AS (SELECT '{table}'::regclass AS oid UNION SELECT relid FROM pg_partition_tree('{table}'))
        SELECT coalesce(string_agg(d, chr(10) ORDER BY d), '') FROM (
            SELECT pg_get_indexdef(indexrelid) || coalesce(obj_description(indexrelid), '') || coalesce((SELECT ' of ' || inhparent::regclass
                FROM pg_inherits WHERE inhrelid = indexrelid), '') AS d FROM pg_index WHERE indrelid IN (SELECT oid FROM tables)
            UNION ALL SELECT conrelid::regclass || conname || pg_get_constraintdef(oid) FROM pg_constraint
                WHERE conrelid IN (SELECT oid FROM tables) AND contype <> 'c') x
        """)!;
}
