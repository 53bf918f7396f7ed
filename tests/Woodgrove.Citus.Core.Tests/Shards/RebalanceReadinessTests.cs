using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Shards;

namespace Woodgrove.Citus.Core.Tests.Shards;

/// <summary>What keeps a rebalance from being started.</summary>
public sealed class RebalanceReadinessTests
{
    private static readonly NodeRoom Roomy = new("a:1", 1000, 1, 1, 1, 1, RunsJobs: true);

    private static readonly ShardMove[] Moves =
    [
        new("t", 1, "a:1", "b:1", "Planned") { SizeBytes = 300 }, new("t", 2, "a:1", "b:1", "Planned") { SizeBytes = 400 },
    ];

    private static CitusException? Lack(NodeRoom a, NodeRoom b, string mode = "auto") =>
        RebalanceReadiness.Lack([a, b], "a:1", Moves, mode);

    [Fact]
    public void Nodes_with_room_lack_nothing() => Assert.Null(Lack(Roomy, Roomy with { Node = "b:1", DiskBytes = 700 }));

    [Fact]
    public void A_target_needs_room_for_all_that_arrives() =>
        Assert.Contains("moves 700 bytes to b:1, whose disk has 699 bytes free",
            Lack(Roomy, Roomy with { Node = "b:1", DiskBytes = 699 })!.Message);

    [Theory]
    [InlineData("max_worker_processes", "b:1")]
    [InlineData("max_logical_replication_workers", "b:1")]
    [InlineData("max_replication_slots", "a:1")]
    [InlineData("max_wal_senders", "a:1")]
    public void A_copy_by_logical_replication_needs_what_the_message_names(string parameter, string node)
    {
        NodeRoom Without(NodeRoom room) => room.Node != node ? room : parameter switch
        {
            "max_worker_processes" => room with { Workers = 0 },
            "max_logical_replication_workers" => room with { LogicalWorkers = 0 },
            "max_replication_slots" => room with { Slots = 0 },
            _ => room with { Senders = 0 },
        };
        NodeRoom a = Without(Roomy), b = Without(Roomy with { Node = "b:1" });

        CitusException lack = Lack(a, b)!;

        Assert.Equal("CitusRebalanceRefused", lack.ErrorId);
        Assert.Contains($"{node} has none of {parameter} free", lack.Message);
        Assert.Null(Lack(a, b, "block_writes"));
    }

    [Fact]
    public void The_job_itself_needs_a_process_of_the_coordinator() =>
        Assert.Contains("a:1 has none of max_worker_processes free",
            Lack(Roomy with { Workers = 0 }, Roomy with { Node = "b:1" }, "block_writes")!.Message);

    [Fact]
    public void A_job_needs_one_process_more_where_nothing_hands_out_tasks_yet()
    {
        Assert.Contains("a:1 has 1 of max_worker_processes free, and its moves need 2.",
            Lack(Roomy with { RunsJobs = false }, Roomy with { Node = "b:1" }, "block_writes")!.Message);
        Assert.Null(Lack(Roomy with { RunsJobs = false, Workers = 2 }, Roomy with { Node = "b:1" }, "block_writes"));
    }

    [Theory]
    [InlineData(4, 1, 3, false, null)]
    [InlineData(4, 2, 0, true, null)]
    [InlineData(4, 1, 4, false, "tasks of job 7, 9 have ended: they take all 4 of citus.max_background_task_executors")]
    [InlineData(4, 1, 0, true, "At most 4 move(s) run side by side, 1 of them of the same node")]
    [InlineData(1, 4, 0, true, "At most 1 move(s) run side by side, 4 of them of the same node")]
    public void What_delays_the_moves_is_told(int executors, int perNode, int running, bool isParallel, string? told)
    {
        string? delay = RebalanceReadiness.Delay(executors, perNode, running, [7, 9], isParallel);

        if (told is null) Assert.Null(delay);
        else Assert.Contains(told, delay);
    }
}
