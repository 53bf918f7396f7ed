using Woodgrove.Citus.Plans;
using Woodgrove.Citus.Plans.Reading;
using Woodgrove.Citus.Plans.Requests;

namespace Woodgrove.Citus.Core.Tests.Plans;

public sealed class PlanClassifierTests
{
    /// <summary>file; Execution; Aggregation; Joins; tasks; fragments shown; parts; nodes</summary>
    public static TheoryData<string> Expected =>
    [
        "agg_bydist.alltasks.json; MultiShard; Pushdown; None; 4; 4; 0; 2",
        "agg_bydist.analyze.json; MultiShard; Pushdown; None; 4; 1; 0; 2",
        "agg_bydist.json; MultiShard; Pushdown; None; 4; 1; 0; 2",
        "agg_notdist.json; MultiShard; Partial; None; 4; 1; 0; 2",
        "agg_pctile.json; MultiShard; PulledToCoordinator; None; 4; 1; 0; 2",
        "coloc_join.json; MultiShard; Pushdown; Colocated; 4; 1; 0; 2",
        "cte.alltasks.json; PullPush; Pushdown; IntermediateResult; 4; 4; 1; 2",
        "cte.analyze.json; PullPush; Pushdown; IntermediateResult; 4; 1; 1; 2",
        "cte.json; PullPush; Pushdown; IntermediateResult; 4; 1; 1; 2",
        "del_multi.json; MultiShard; None; None; 4; 1; 0; 2",
        "fastpath_id.json; Router; None; None; 1; 1; 0; 1",
        "ins_pull.json; InsertSelectPull; None; None; 4; 1; 0; 2",
        "ins_pushdown.json; InsertSelectPushdown; Pushdown; None; 4; 1; 0; 2",
        "ins_repart.json; InsertSelectRepartition; Pushdown; None; 4; 1; 0; 2",
        "ins_values.json; Router; None; None; 1; 1; 0; 1",
        "local_only.json; Local; None; None; 0; 0; 0; 0",
        "merge.json; MergePushdown; None; Colocated; 4; 1; 0; 2",
        "multishard_select.json; MultiShard; None; None; 4; 1; 0; 2",
        "ref_join.json; MultiShard; Partial; Reference; 4; 1; 0; 2",
        "ref_only.json; Reference; None; None; 1; 1; 0; 1",
        "repart_dual.alltasks.json; Repartition; Partial; DualHashRepartition; 12; 0; 0; 0",
        "repart_dual.analyze.json; Repartition; Partial; DualHashRepartition; 12; 0; 0; 0",
        "repart_dual.json; Repartition; Partial; DualHashRepartition; 12; 0; 0; 0",
        // Recorded without citus.enable_single_hash_repartition_joins, so both sides are re-hashed.
        "repart_single.json; Repartition; Partial; DualHashRepartition; 12; 0; 0; 0",
        "router.alltasks.json; Router; None; None; 1; 1; 0; 1",
        "router.analyze.json; Router; None; None; 1; 1; 0; 1",
        "router.json; Router; None; None; 1; 1; 0; 1",
        "upd_multi.json; MultiShard; None; None; 4; 1; 0; 2",
        "upd_router.json; Router; None; None; 1; 1; 0; 1",
        "window.json; MultiShard; None; None; 4; 1; 0; 2",
        "cast.json; MultiShard; None; None; 4; 1; 0; 2",
        "window_all.json; MultiShard; None; None; 4; 1; 0; 2",
        "count_distinct.json; MultiShard; Partial; None; 4; 1; 0; 2",
        "count_distinct_key.json; MultiShard; Partial; None; 4; 1; 0; 2",
        "merge_repart.json; MergeRepartition; None; None; 4; 1; 0; 2",
        "merge_pull.json; MergePull; None; None; 1; 1; 1; 1",
        "union.json; PullPush; None; None; 1; 1; 2; 1",
        "local_join.json; PullPush; None; IntermediateResult, LocalTable; 4; 1; 1; 2",
        "repart_single_hash.json; Repartition; Partial; SingleHashRepartition; 4; 0; 0; 0",
        "types.json; PullPush; None; IntermediateResult; 4; 1; 1; 2",
        "upd_reference.json; Reference; None; None; 1; 1; 0; 3",
        "ins_repart_colocated.json; InsertSelectRepartition; None; None; 4; 1; 0; 2",
        "nothing.json; Router; None; None; 1; 1; 0; 1",
    ];

    [Theory]
    [MemberData(nameof(Expected))]
    public void Fixture_is_classified(string expected)
    {
        string file = expected.Split(';')[0];
        CitusQueryPlan plan = Fixture.Read(file);
        Assert.Equal(expected, string.Join("; ", file, plan.Execution, plan.Aggregation, plan.Joins, plan.TaskCount, plan.Fragments.Count,
            plan.Subplans.Count, plan.Nodes.Count));
    }

    [Fact]
    public void Every_fixture_has_its_expectation() =>
        Assert.Equal(Fixture.Names.Order(), Expected.Select(e => e.Data.Split(';')[0]).Order());

    [Fact]
    public void Fragment_names_the_shards_that_the_catalog_knows()
    {
        QueryFragment fragment = Assert.Single(Fixture.Read("ref_join.json").Fragments);
        Assert.Equal((102143L, "ord", "127.0.0.1", 5601), (fragment.ShardId, fragment.Table, fragment.NodeName, fragment.NodePort));
        Assert.Equal(["ord_102143", "country_102159"], fragment.Shards.Select(s => s.ShardName));
        Assert.Equal("Aggregate", fragment.Plan!.NodeType);
    }

    [Fact]
    public void A_name_that_only_looks_like_a_shard_is_none()
    {
        CitusQueryPlan plan = Fixture.Read("router.json",
            f => f with { Shards = f.Shards.ToDictionary(s => s.Key, s => s.Value with { Name = "another_" + s.Key }) });
        Assert.Null(Assert.Single(plan.Fragments).ShardId);
    }

    [Fact]
    public void Part_has_the_shape_of_a_plan()
    {
        CitusQueryPlan part = Assert.Single(Fixture.Read("cte.alltasks.json").Subplans);
        Assert.Equal((QueryExecution.MultiShard, QueryAggregation.Partial, 4), (part.Execution, part.Aggregation, part.Fragments.Count));
    }

    [Fact]
    public void Analyze_gives_times_and_bytes()
    {
        CitusQueryPlan plan = Fixture.Read("router.analyze.json");
        Assert.Equal(TimeSpan.FromMilliseconds(7.984), plan.ExecutionTime);
        QueryNode node = Assert.Single(plan.Nodes);
        Assert.Equal((1520L, TimeSpan.FromMilliseconds(0.098)), (node.ReceivedBytes, node.ExecutionTime));
        DataMovement back = Assert.Single(plan.Movements);
        Assert.Equal((1520L, true, 1520L), (back.Bytes, back.IsMeasured, plan.MovedBytes));
        Assert.Equal(40, plan.CoordinatorPlan.ActualRows);
    }

    [Fact]
    public void Intermediate_result_is_counted_once_a_node()
    {
        CitusQueryPlan plan = Fixture.Read("cte.analyze.json");
        Assert.Equal([336L, 132L, 800L], plan.Movements.Select(m => m.Bytes));
        Assert.Equal(TimeSpan.FromMilliseconds(9.85), plan.Subplans[0].ExecutionTime);
    }

    [Fact]
    public void Plain_postgres_is_local_and_says_so()
    {
        CitusQueryPlan plan = Fixture.Read("local_only.json", _ => PlanFacts.None);
        Assert.Equal(QueryExecution.Local, plan.Execution);
        Assert.Contains("plain PostgreSQL", Assert.Single(plan.Explanation));
        Assert.Empty(plan.Advice);
    }

    [Fact]
    public void Repartition_whose_aggregate_cannot_be_merged_pulls_the_rows()
    {
        string json = File.ReadAllText(Path.Combine(Path.GetDirectoryName(Here())!, "explain", "repart_dual.json"))
            .Replace("COALESCE((pg_catalog.sum(remote_scan.count))::bigint, '0'::bigint)",
                "percentile_cont('0.5') WITHIN GROUP (ORDER BY remote_scan.x)");
        string query = Fixture.Query("repart_dual.json");
        Assert.Equal(QueryAggregation.PulledToCoordinator,
            new PlanReader(Fixture.Facts(query)).Read(ExplainDocument.Parse(json), query).Aggregation);
    }

    private static string Here([System.Runtime.CompilerServices.CallerFilePath] string here = "") => here;
}
