using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Operations;

/// <summary>Repair-CitusCluster on leftovers that the tests make.</summary>
public sealed class RepairClusterTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    [Fact]
    public void A_record_of_a_removed_node_is_deleted_and_what_it_kept_from_being_dropped_is_dropped()
    {
        Cluster.RequireCitus();
        string left = Cluster.NewName("left") + "_999999999";
        Cluster.Execute("CALL citus_cleanup_orphaned_resources()"); // what other tests' moves have left
        using NpgsqlConnection worker = Worker(out int group);
        Run(worker, $"SET citus.enable_ddl_propagation = off; CREATE TABLE public.{left} (id int)");
        Cluster.Execute($"""
            INSERT INTO pg_dist_cleanup SELECT nextval('pg_dist_cleanup_recordid_seq'), nextval('pg_dist_operationid_seq'), 1, name, node, 0
            FROM (VALUES (1, 'public.gone_999999998', 9999), (2, 'public.{left}', {group})) v (n, name, node) ORDER BY n
            """);

        PSObject[] plans = [.. Shell.Run("Repair-CitusCluster -WhatIf").Succeeded().Output];
        PSObject[] repaired = [.. Shell.Run("Repair-CitusCluster -Confirm:$false").Succeeded().Output];

        Assert.Equal(["Delete 1 record(s) of nodes that are not in the cluster: public.gone_999999998",
            $"Drop 1 object(s) of operations that have ended: public.{left}"], plans.Select(p => (string)p.Get("Action")!));
        Assert.Equal([("RecordOfRemovedNode", true), ("CleanupRecord", true)],
            repaired.Select(r => (r.Get("Kind")!.ToString()!, (bool)r.Get("IsRepaired")!)));
        Assert.Equal(0L, Cluster.Scalar("SELECT count(*) FROM pg_dist_cleanup WHERE object_name IN ('public.gone_999999998', "
            + $"'public.{left}')"));
        Assert.Equal(0L, Scalar(worker, $"SELECT count(*) FROM pg_class WHERE relname = '{left}'"));
        Assert.Empty(Shell.Run("Repair-CitusCluster -WhatIf").Succeeded().Output);
    }

    [Fact]
    public void A_prepared_transaction_of_Citus_is_ended_once_it_is_old_enough()
    {
        Cluster.RequireCitus();
        string table = Cluster.NewName("prepared"), gid = $"citus_0_{Environment.ProcessId}_999999_1";
        using NpgsqlConnection worker = Worker(out _);
        Run(worker, $"SET citus.enable_ddl_propagation = off; CREATE TABLE {table} (id int)");
        Run(worker, $"BEGIN; INSERT INTO {table} VALUES (1); PREPARE TRANSACTION '{gid}'");

        string[] young = [.. Shell.Run("Repair-CitusCluster -OlderThan 1:00:00 -Confirm:$false")
            .Succeeded().Output.Select(r => (string)r.Get("Name")!)];
        long kept = (long)Scalar(worker, $"SELECT count(*) FROM pg_prepared_xacts WHERE gid = '{gid}'")!;
        PSObject repaired = Assert.Single(Shell.Run("Repair-CitusCluster -OlderThan 0 -Confirm:$false").Succeeded().Output,
            r => (string)r.Get("Name")! == gid);

        Assert.DoesNotContain(gid, young);
        Assert.Equal(1L, kept);
        Assert.Equal(("PreparedTransaction", true), (repaired.Get("Kind")!.ToString()!, (bool)repaired.Get("IsRepaired")!));
        Assert.Equal((0L, 0L), (Scalar(worker, $"SELECT count(*) FROM pg_prepared_xacts WHERE gid = '{gid}'"),
            Scalar(worker, $"SELECT count(*) FROM {table}")));
        Run(worker, $"SET citus.enable_ddl_propagation = off; DROP TABLE {table}");
    }

    [Fact]
    public void The_stand_in_has_nothing_to_repair()
    {
        if (Cluster.IsCitus) Assert.Skip("real Citus has");
        Shell.Run("Repair-CitusCluster -Confirm:$false").Failed("CitusNotSupported");
    }

    private NpgsqlConnection Worker(out int group)
    {
        int[] found = (int[])Cluster.Scalar("SELECT ARRAY[groupid, nodeport] FROM pg_dist_node WHERE groupid <> 0 ORDER BY groupid LIMIT "
            + "1")!;
        group = found[0];
        var session = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(Cluster.ConnectionString) { Port = found[1],
            Pooling = false }.ToString());
        session.Open();
        return session;
    }

    private static void Run(NpgsqlConnection session, string sql)
    {
        // a PREPARE ends the transaction that a message would be
        foreach (string statement in sql.Split(';', StringSplitOptions.TrimEntries))
        {
            using var command = new NpgsqlCommand(statement, session);
            command.ExecuteNonQuery();
        }
    }

    private static object? Scalar(NpgsqlConnection session, string sql)
    {
        using var command = new NpgsqlCommand(sql, session);
        return command.ExecuteScalar();
    }
}
