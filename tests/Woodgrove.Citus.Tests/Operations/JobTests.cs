using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Operations;

/// <summary>Get-, Wait- and Stop-CitusJob and Wait-ShardRebalance, on a rebalance that a writer holds up.</summary>
public sealed class JobTests(ClusterFixture cluster, ChangedCluster changed) : ClusterTest(cluster), IClassFixture<ChangedCluster>
{
    [Fact]
    public void A_job_says_what_it_waits_for_is_waited_for_and_stopped()
    {
        Cluster.RequireSandbox();
        Cluster.RequireCitus();
        changed.Execute($"SELECT citus_set_node_property('127.0.0.1', {changed.Ports[3]}, 'shouldhaveshards', false)",
            "CREATE TABLE held (id bigint PRIMARY KEY, note text)",
            "SELECT create_distributed_table('held', 'id', shard_count := 6, colocate_with := 'none')",
            "INSERT INTO held SELECT i FROM generate_series(1, 100) i",
            $"SELECT citus_set_node_property('127.0.0.1', {changed.Ports[3]}, 'shouldhaveshards', true)");
        string advice;
        long job;
        using (NpgsqlConnection writer = changed.Open())
        using (NpgsqlTransaction open = writer.BeginTransaction())
        {
            new NpgsqlCommand("UPDATE held SET note = note", writer, open).ExecuteNonQuery();
            job = (long)Shell.Run("Start-ShardRebalance -TransferMode block_writes").Single.Get("JobId")!;

            object[] tasks = Tasks(job);
            for (int i = 0; i < 300 && !tasks.Any(t => t.Get("State") is "running" && t.Get("WaitsFor") is not null); i++)
            {
                Thread.Sleep(200);
                tasks = Tasks(job);
            }

            RunResult late = Shell.Run($"Wait-CitusJob {job} -Timeout 1");

            Assert.Equal(("rebalance", job), (late.Output.Single().Get("JobType"), late.Output.Single().Get("JobId")));
            advice = late.Failed("CitusJobTimeout").Exception.Message;
            Assert.Contains("0 of 2 task(s) done", advice);
            Assert.Contains(tasks, t => t.Get("State") is "blocked" && t.Get("WaitsFor") is string on
                && on == $"task {tasks[0].Get("TaskId")}");
            object running = tasks.Single(t => t.Get("State") is "running");
            Assert.InRange((TimeSpan)running.Get("InState")!, TimeSpan.Zero, TimeSpan.FromMinutes(2));
            Assert.Contains($"session {writer.ProcessID}, which is idle in transaction", (string)running.Get("WaitsFor")!);
            Assert.Contains("waits for a lock of session", Shell.Run("Wait-ShardRebalance -Timeout 1")
                .Failed("CitusRebalanceTimeout").Exception.Message);
            // A plan changes nothing.
            string before = changed.Digest();
            Assert.Contains($"citus_job_cancel({job})", Shell.Run($"Stop-CitusJob {job} -WhatIf").Single.Get("Sql")!.ToString());
            Assert.Equal(before, changed.Digest());

            PSObject stopped = Shell.Run(System.Text.RegularExpressions.Regex.Match(advice, @"Stop-CitusJob \d+").Value).Single;

            Assert.Equal("Cancelled", stopped.Get("State")!.ToString());
            Assert.Equal("cancelled", changed.Scalar<string>($"SELECT state::text FROM pg_dist_background_job WHERE job_id = {job}"));
        }
        Shell.Run($"Wait-CitusJob {job}").Failed("CitusJobFailed");
        Assert.Equal("Cancelled", Shell.Run($"Stop-CitusJob {job}").Single.Get("State")!.ToString());
        Assert.DoesNotContain(Shell.Get("Get-CitusJob -Active"), j => job.Equals(j.Get("JobId")));
        Assert.Contains("Get-CitusJob lists", Shell.Run("Wait-CitusJob 2000000000").Failed("CitusJobNotFound").Exception.Message);
        job = (long)Shell.Run("Start-ShardRebalance -TransferMode block_writes").Single.Get("JobId")!;
        Assert.Equal(("Finished", 2), (Shell.Run($"Get-CitusJob {job} | Wait-CitusJob -Timeout 120").Single.Get("State")!.ToString(),
            Shell.Run("Wait-ShardRebalance").Single.Get("Done")));
        Assert.Contains(changed.Node(3), changed.NodesOf("held"));
    }

    private object[] Tasks(long job) =>
        [.. ((System.Collections.IEnumerable)Shell.Run($"Get-CitusJob {job}").Single.Get("Tasks")!).Cast<object>()];
}
