using Woodgrove.Citus.Plans;
using Woodgrove.Citus.Plans.Advice;

namespace Woodgrove.Citus.Core.Tests.Plans;

public sealed class PlanAdvisorTests
{
    [Theory]
    [InlineData(PlanAdviceCodes.RepartitionJoin, "repart_dual.json", "coloc_join.json")]
    [InlineData(PlanAdviceCodes.PulledToCoordinator, "ins_pull.json", "ins_pushdown.json")]
    [InlineData(PlanAdviceCodes.PulledToCoordinator, "window_all.json", "window.json")]
    [InlineData(PlanAdviceCodes.PulledToCoordinator, "merge_pull.json", "merge.json")]
    [InlineData(PlanAdviceCodes.IntermediateResultMoved, "local_join.json", "cte.json")]
    [InlineData(PlanAdviceCodes.NoDistributionFilter, "multishard_select.json", "router.json")]
    [InlineData(PlanAdviceCodes.NoDistributionFilter, "del_multi.json", "agg_notdist.json")]
    [InlineData(PlanAdviceCodes.DistributionColumnExpression, "cast.json", "multishard_select.json")]
    [InlineData(PlanAdviceCodes.JoinTypeMismatch, "types.json", "local_join.json")]
    [InlineData(PlanAdviceCodes.RowsPulledForAggregate, "agg_pctile.json", "agg_notdist.json")]
    [InlineData(PlanAdviceCodes.RowsPulledForAggregate, "count_distinct.json", "count_distinct_key.json")]
    [InlineData(PlanAdviceCodes.InsertSelectNotPushedDown, "ins_repart_colocated.json", "ins_repart.json")]
    [InlineData(PlanAdviceCodes.InsertSelectNotPushedDown, "ins_repart_colocated.json", "ins_pull.json")]
    public void Advice_is_drawn_by_one_query_and_not_by_the_other(string code, string draws, string doesNot)
    {
        Assert.Contains(Fixture.Read(draws).Advice, a => a.Code == code);
        Assert.DoesNotContain(Fixture.Read(doesNot).Advice, a => a.Code == code);
    }

    [Theory]
    [InlineData("agg_bydist.json", 4_000_000, true)]
    [InlineData("agg_bydist.json", 700_000, false)]
    [InlineData("agg_bydist.alltasks.json", 4_000_000, false)]
    public void One_of_many_fragments_is_a_poor_example_where_sizes_differ(string file, long largest, bool expected)
    {
        CitusQueryPlan plan = Fixture.Read(file, f => f with
        {
            Shards = f.Shards.ToDictionary(s => s.Key, s => s.Value with { SizeBytes = s.Key == 102141 ? largest : s.Value.SizeBytes }),
        });
        Assert.Equal(expected, plan.Advice.Any(a => a.Code == PlanAdviceCodes.FragmentNotRepresentative));
    }

    [Fact]
    public void Skew_is_not_judged_where_a_size_is_unknown()
    {
        CitusQueryPlan plan = Fixture.Read("agg_bydist.json", f => f with
        {
            Shards = f.Shards.ToDictionary(s => s.Key,
                s => s.Value with { SizeBytes = s.Key == 102141 ? 4_000_000 : s.Key == 102140 ? null : 600_000 }),
        });
        Assert.DoesNotContain(plan.Advice, a => a.Code == PlanAdviceCodes.FragmentNotRepresentative);
    }

    /// <summary>After a change that is meant, WOODGROVE_TEST_RECORD=1 rewrites the file; read what has changed in it.</summary>
    [Fact]
    public void Explanation_and_advice_of_every_recorded_plan_are_those_of_the_file()
    {
        string told = string.Concat(Fixture.Names.Order(StringComparer.Ordinal).Select(Told));
        if (Environment.GetEnvironmentVariable("WOODGROVE_TEST_RECORD") is not null) File.WriteAllText(Fixture.Advice, told);

        Assert.Equal(File.ReadAllText(Fixture.Advice).ReplaceLineEndings("\n"), told);
    }

    private static string Told(string name)
    {
        CitusQueryPlan plan = Fixture.Read(name);
        IEnumerable<string> lines = plan.Explanation.Select(step => $"- {step}")
            .Concat(plan.Advice.SelectMany(a => new[] { $"- **{a.Code}** ({a.Severity}): {a.Message}", $"  Fix: {a.Fix}" }));
        return $"## {name}\n\n`{Fixture.Query(name)}`\n\n{string.Concat(lines.Select(l => l + "\n"))}\n";
    }

    [Fact]
    public void Smaller_table_is_the_one_to_follow_the_larger()
    {
        CitusQueryPlan plan = Fixture.Read("repart_single.json", f => f with
        {
            Tables = [.. f.Tables.Select(t => t with { SizeBytes = t.Display == "other" ? 8192 : 600_000 })],
        });
        Assert.Contains("Set-DistributedTable other -DistributionColumn ev_id -ColocateWith ev;", plan.Advice[0].Fix);
        Assert.Contains("New-ReferenceTable other;", plan.Advice[0].Fix);
    }

    [Fact]
    public void Explanation_tells_the_steps_in_their_order()
    {
        Assert.Collection(Fixture.Read("agg_notdist.json").Explanation,
            s => Assert.StartsWith("All 4 shards of ev, on 2 nodes", s),
            s => Assert.Contains("Seq Scan on ev_102139, then Aggregate", s),
            s => Assert.Contains("partial results", s),
            s => Assert.StartsWith("The coordinator receives about 1,456 bytes as estimated from 4 fragments", s),
            s => Assert.Equal("The coordinator merges the partial aggregates.", s));
        Assert.All(Fixture.Names, n => Assert.NotEmpty(Fixture.Read(n).Explanation));
    }
}
