using System.Management.Automation;
using System.Text.RegularExpressions;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Operations;

/// <summary>Restore points, read back from the nodes' write-ahead logs.</summary>
public sealed partial class RestorePointTests(ClusterFixture cluster, ChangedCluster changed) : ClusterTest(cluster),
    IClassFixture<ChangedCluster>
{
    private const string LedgerTable =
        "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'woodgrove' AND tablename = 'restore_point')";

    [Fact]
    public void It_is_in_the_log_of_every_node_between_the_positions_that_are_told()
    {
        Require();
        Shell.Run("New-CitusRestorePoint 'it''s 5 o''clock' 'for \\ the audit' -Confirm:$false").Succeeded();
        PSObject point = Shell.Run("Get-CitusRestorePoint \"it's*\"").Single;

        Assert.Equal(("it's 5 o'clock", "for \\ the audit", "postgres"),
            (point.Get("Name"), point.Get("Description"), point.Get("CreatedBy")));
        object[] nodes = [.. ((System.Collections.IEnumerable)point.Get("Nodes")!).Cast<object>()];
        Assert.Equal(changed.Ports, nodes.Select(n => (int)n.Get("NodePort")!));
        foreach (object node in nodes)
        {
            int port = (int)node.Get("NodePort")!;
            string end = RecordOf("it's 5 o'clock", port);
            Assert.True(changed.Scalar<bool>($"SELECT '{node.Get("MinimumLsn")}'::pg_lsn < '{end}' AND '{end}' <= '{node.Get("MaximumLsn")}'::pg_lsn"),
                $"{node} of {end}");
            if (port == changed.Ports[0]) Assert.Equal((end, end), (node.Get("Lsn"), point.Get("Lsn")));
            else Assert.Null(node.Get("Lsn"));
        }
        Assert.Equal(1L, changed.Scalar<long>("SELECT count(*) FROM woodgrove.restore_point WHERE name = 'it''s 5 o''clock' "
            + "AND now() - created_at BETWEEN '0' AND '1 minute' AND created_by = 'postgres'"));
        Assert.Equal(0L, changed.Scalar<long>("SELECT count(*) FROM run_command_on_workers('SELECT 1 FROM pg_namespace WHERE nspname = "
            + "''woodgrove''') WHERE result <> ''"));
    }

    [Fact]
    public void What_is_shown_is_what_runs_and_showing_it_changes_nothing()
    {
        Require();
        foreach (string name in (string[])["shown_first", "shown_second"])
        {
            bool existed = changed.Scalar<bool>(LedgerTable);
            PSObject plan = Shell.Run($"New-CitusRestorePoint {name} -WhatIf").Single;
            string[] sql = [.. (IEnumerable<string>)plan.Get("Sql")!];
            Assert.Equal(existed ? 2 : 3, sql.Length);
            Assert.Equal(existed, changed.Scalar<bool>(LedgerTable));
            Assert.Equal(changed.Scalar<int>("SELECT split_part(extversion, '.', 1)::int FROM pg_extension WHERE extname = 'citus'") < 14,
                string.Join(' ', (IEnumerable<string>)plan.Get("Locks")!).Contains("does not hold up", StringComparison.Ordinal));
            int logged = changed.Log().Length;

            Shell.Run($"New-CitusRestorePoint {name} -Confirm:$false").Succeeded();

            string log = Spaces().Replace(changed.Log()[logged..], " ");
            Assert.All(sql.SelectMany(s => s.Split(';')),
                s => Assert.Contains(Spaces().Replace(s, " ").Trim(), log, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void A_decision_of_an_import_and_a_restore_point_wait_for_each_other()
    {
        Require();
        Shell["csv"] = Cluster.File("restore.csv", "id,note\n1,a\n2,b\n");
        changed.Execute("CREATE TABLE decided (id bigint PRIMARY KEY, note text)", "SELECT create_distributed_table('decided', 'id')");
        Shell.Run($"Import-CsvToCitus $csv decided -ImportId {Guid.NewGuid()}").Succeeded();
        using NpgsqlConnection session = changed.Open();
        using NpgsqlTransaction decision = session.BeginTransaction();
        new NpgsqlCommand("UPDATE woodgrove.import_batch SET is_pending = false", session, decision).ExecuteNonQuery();
        Task released = Task.Run(async () =>
        {
            while (!changed.Scalar<bool>("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'woodgrove.import_batch'::regclass "
                + "AND mode = 'ExclusiveLock')")) await Task.Delay(50);
            // Citus's own locks come after it, so others' commits go on.
            Assert.Equal(0L, changed.Scalar<long>("SELECT count(*) FROM pg_locks WHERE relation = 'pg_dist_transaction'::regclass "
                + "AND mode = 'ExclusiveLock'"));
            decision.Commit();
        }, TestContext.Current.CancellationToken);

        Shell.Run("New-CitusRestorePoint decided -Confirm:$false").Succeeded();

        Assert.True(released.IsCompletedSuccessfully, $"{released.Exception}");
    }

    [Fact]
    public void A_name_that_is_there_and_one_that_is_not_are_refused_with_what_lists_them()
    {
        Require();
        Shell.Run("New-CitusRestorePoint twice -Confirm:$false").Succeeded();

        ErrorRecord again = Shell.Run("New-CitusRestorePoint twice -Confirm:$false").Failed("CitusRestorePointExists");
        ErrorRecord none = Shell.Run("Get-CitusRestorePoint nowhere").Failed("CitusRestorePointNotFound");

        Assert.All([again, none], e => Assert.Contains("Get-CitusRestorePoint lists", e.Exception.Message, StringComparison.Ordinal));
        Assert.Contains(Shell.Get("Get-CitusRestorePoint"), p => "twice".Equals(p.Get("Name")));
        Assert.Empty(Shell.Get("Get-CitusRestorePoint nowhere*"));
        Assert.Equal(1L, changed.Scalar<long>("SELECT count(*) FROM woodgrove.restore_point WHERE name = 'twice'"));
    }

    [Fact]
    public void By_a_connection_to_a_worker_it_is_created_on_the_coordinator()
    {
        Require();
        Shell["text"] = changed.ConnectionString.Replace($"Port={changed.Ports[0]}", $"Port={changed.Ports[1]}", StringComparison.Ordinal);
        try
        {
            Shell.Run("$null = Connect-CitusCluster -ConnectionString $text -Name worker").Succeeded();
            Assert.Equal("by_worker", Shell.Run("New-CitusRestorePoint by_worker -Confirm:$false -Connection worker").Single.Get("Name"));
        }
        finally
        {
            Shell.Run("Disconnect-CitusCluster worker");
        }
        Assert.Equal(1L, changed.Scalar<long>("SELECT count(*) FROM woodgrove.restore_point WHERE name = 'by_worker'"));
    }

    [Fact]
    public void Who_may_not_is_told_the_right_and_the_grant_for_reading_works()
    {
        Require();
        Shell.Run("New-CitusRestorePoint readable -Confirm:$false").Succeeded();
        string password = new NpgsqlConnectionStringBuilder(changed.ConnectionString).Password!;
        changed.Execute($"CREATE ROLE backup_reader LOGIN PASSWORD '{password}'");
        Shell["text"] = changed.ConnectionString.Replace("Username=postgres", "Username=backup_reader", StringComparison.Ordinal);
        try
        {
            Shell.Run("$null = Connect-CitusCluster -ConnectionString $text -Name reader").Succeeded();

            Assert.Contains("needs a superuser", Shell.Run("New-CitusRestorePoint mine -Confirm:$false -Connection reader")
                .Failed("CitusPermissionDenied").Exception.Message, StringComparison.Ordinal);
            string said = Shell.Run("Get-CitusRestorePoint -Connection reader").Failed("CitusPermissionDenied").Exception.Message;
            changed.Execute(Grants().Matches(said).Select(m => m.Value).ToArray());
            Assert.Contains(Shell.Get("Get-CitusRestorePoint -Connection reader"), p => "readable".Equals(p.Get("Name")));
        }
        finally
        {
            Shell.Run("Disconnect-CitusCluster reader");
            changed.Execute("DROP OWNED BY backup_reader", "DROP ROLE backup_reader");
        }
    }

    [Fact]
    public void The_stand_in_has_no_restore_points()
    {
        if (Cluster.IsCitus) Assert.Skip("real Citus has");
        Shell.Run("New-CitusRestorePoint none -Confirm:$false").Failed("CitusNotSupported");
    }

    private void Require()
    {
        Cluster.RequireSandbox();
        Cluster.RequireCitus();
    }

    /// <summary>Where the record of a name ends in a node's log, as pg_walinspect reads it.</summary>
    private string RecordOf(string name, int port)
    {
        using var node = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(changed.ConnectionString) { Port = port }.ToString());
        node.Open();
        foreach (string sql in (string[])["SET citus.enable_ddl_propagation = off", "CREATE EXTENSION IF NOT EXISTS pg_walinspect",
            "SELECT pg_switch_wal()"])
            new NpgsqlCommand(sql, node).ExecuteNonQuery();
        return (string)new NpgsqlCommand($"""
            SELECT end_lsn::text FROM pg_get_wal_records_info((SELECT redo_lsn FROM pg_control_checkpoint()), pg_current_wal_flush_lsn())
            WHERE record_type = 'RESTORE_POINT' AND description = '{name.Replace("'", "''", StringComparison.Ordinal)}'
            """, node).ExecuteScalar()!;
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();

    [GeneratedRegex("GRANT [^;]+")]
    private static partial Regex Grants();
}
