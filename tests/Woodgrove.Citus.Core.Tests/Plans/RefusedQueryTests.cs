using Npgsql;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Plans;
using Woodgrove.Citus.Plans.Reading;
using Woodgrove.Citus.Plans.Requests;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Core.Tests.Plans;

public sealed class RefusedQueryTests
{
    [Theory]
    [InlineData("CitusRepartitionNeeded", "select count(*) from ev join other on ev.id = other.ev_id", true)]
    [InlineData("CitusRepartitionNeeded", "select count(*) from ev a join ev b on a.id = b.k", true)]
    [InlineData("CitusOuterJoinNotColocated", "select count(*) from ev left join other on ev.id = other.ev_id", false)]
    [InlineData("CitusGroupingSets", "select k, id, count(*) from ev group by grouping sets ((k), (id))", false)]
    [InlineData("CitusGroupingSets", "select k, count(*) from ev group by rollup (k)", false)]
    [InlineData("CitusCorrelatedSubquery", "select (select count(*) from ord where ord.id = e.k) from ev e", false)]
    [InlineData("CitusRowLocksOverShards", "select * from ev for no key update", false)]
    [InlineData("CitusJoinTypeMismatch", "select * from ev join lim using (tenant_id)", false)]
    [InlineData("CitusRecursiveCte", "with recursive t as (select id from ev union all select id + 1 from t) table t", false)]
    [InlineData("CitusDistributionColumnUpdate", "update ev set k = 1, tenant_id = 2", false)]
    [InlineData("CitusJoinNotOnDistributionColumn", "select * from ev, ord where ev.id > ord.id", false)]
    [InlineData("CitusJoinNotColocated", "select * from ev join other on ev.id < other.ev_id", false)]
    [InlineData("CitusJoinNotColocated", "select * from ev join lim on ev.k = lim.cap", false)]
    [InlineData("CitusNotSupported", "update ev set k = random() from ord where ev.tenant_id = ord.tenant_id", false)]
    [InlineData("CitusNotSupported", "update ev set k = random()", false)]
    public void Reason_is_found_by_the_shape_of_query_and_tables(string errorId, string query, bool repartitionHelps)
    {
        var refusal = new PostgresException("no", "ERROR", "ERROR", "0A000");
        CitusException error = RefusedQuery.Describe(QueryShape.Of(query), Fixture.Facts(query), repartitionHelps, refusal, query);
        Assert.Equal((errorId, "0A000", CitusErrorKind.NotImplemented), (error.ErrorId, error.SqlState, error.Kind));
        if (errorId != "CitusNotSupported") Assert.Contains("Price: ", error.Advice);
    }

    [Theory]
    [InlineData("select 'for update', $$ rollup ( $$ from ev -- grouping sets")]
    [InlineData("select \"for\" from ev /* cube ( */")]
    public void Strings_comments_and_quoted_names_are_no_keywords(string query)
    {
        QueryShape shape = QueryShape.Of(query);
        Assert.False(shape.LocksRows || shape.HasGroupingSets || shape.IsCorrelated);
    }

    [Fact]
    public void Subquery_on_its_own_is_not_correlated() =>
        Assert.False(QueryShape.Of("select * from ev e where e.id in (select o.id from ord o where o.id > 3)").IsCorrelated);

    [Theory]
    [InlineData("select * from ev e join other o on e.id = o.ev_id", "ev.id = other.ev_id")]
    [InlineData("select * from ev as a, other where a.id = ev_id", "ev.id = other.ev_id")]
    [InlineData("select * from ev join ord using (tenant_id) join other on x = 3", "ev.tenant_id = ord.tenant_id")]
    public void Joined_columns_are_found_through_aliases(string query, string expected) =>
        Assert.Equal(expected, string.Join(", ",
            QueryShape.Of(query).JoinedColumns(Fixture.Facts(query).Tables)
                .Select(j => $"{j.Table.Display}.{j.Column} = {j.Other.Display}.{j.OtherColumn}")));

    [Theory]
    [InlineData("with gone as (delete from ord returning *) insert into ev select * from gone", "ev")]
    [InlineData("merge into public.ord o using ev on o.tenant_id = ev.tenant_id when matched then delete", "ord")]
    [InlineData("delete from only ord where id in (select id from ev)", "ord")]
    [InlineData("update ev set k = 1", "ev")]
    [InlineData("select * from ev for update", null)]
    public void The_table_that_a_statement_itself_writes_is_found(string query, string? table) =>
        Assert.Equal(table, QueryShape.Of(query).Written(Fixture.Facts(query).Tables)?.Display);

    [Theory]
    [InlineData("((ev.k = 3) AND ((ev.tenant_id)::text = '7'::text))", 2)]
    [InlineData("(ev.v >= 3)", 0)]
    [InlineData("(ev.k = ANY ('{1,2}'::integer[]))", 1)]
    [InlineData("(ev.note = 'a = b'::text)", 1)]
    public void Equalities_are_found_in_conditions(string condition, int expected) =>
        Assert.Equal(expected, ScanConditions.Equalities(SqlTokens.Read(condition)).Count());

    [Fact]
    public void Comparison_tells_which_query_moves_less_and_why()
    {
        PlanComparison comparison = PlanComparison.Of(Fixture.Read("cte.analyze.json"), Fixture.Read("router.analyze.json"));
        Assert.Equal((PlanPreference.Reference, 1268L, 1520L, true),
            (comparison.LessData, comparison.ReferenceBytes, comparison.DifferenceBytes, comparison.IsMeasured));
        Assert.Contains("Execution: PullPush in the reference query, Router in the difference query.", comparison.Reasons);
    }
}
