using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using Woodgrove.Citus.Validation;
using Woodgrove.Citus.Validation.Checks;

namespace Woodgrove.Citus.Core.Tests.Validation;

/// <summary>What becomes of facts that are null, or cannot be read: one check says so, and ends no other.</summary>
public sealed class MissingFactsTests
{
    private const string Node = "127.0.0.1:5432";
    private static readonly NodeState[] Nodes = [new(Node, "127.0.0.1", 5432, 0, true, null, 0, 0) { IsLocal = true }];

    public static TheoryData<string> Checks => new(CheckCatalog.Names);

    [Theory, MemberData(nameof(Checks))]
    public void A_row_of_nulls_leaves_every_check_with_a_result(string name)
    {
        CitusCheck check = CheckCatalog.All.Single(c => c.Name == name);
        var facts = new Facts(Nodes);
        foreach (Question question in check.Questions)
        {
            Type row = question.GetType().GetGenericArguments()[0];
            var nulls = new JsonObject();
            foreach (ParameterInfo column in row.GetConstructors()[0].GetParameters())
                nulls[JsonNamingPolicy.SnakeCaseLower.ConvertName(column.Name!)] = null;
            facts.Add(question, Node, $"[{nulls.ToJsonString()}]");
        }

        CheckResult result = ClusterValidation.Judge(check, facts.For(Nodes, check.Threshold?.Default ?? 0));

        Assert.Equal(name, result.Check);
        Assert.NotEmpty(result.Actual);
    }

    [Theory]
    [InlineData("""{"node":"n","pid":1,"session":10000000001,"user_name":null,"application":"","state":null,"transaction_seconds":9,"state_seconds":null,"query":null}""")]
    [InlineData("""{"node":"n","pid":1,"session":10000000001,"user_name":"u","application":null,"state":"idle in transaction","transaction_seconds":9,"state_seconds":null,"query":""}""")]
    public void A_session_that_is_starting_is_read_and_is_not_idle_for_long(string session)
    {
        Assert.Equal(CheckStatus.Passed, Judge(new IdleTransactions(), $"[{session}]").Status);
        Assert.Equal(CheckStatus.Passed, Judge(new LongTransactions(), $"[{session}]").Status);
    }

    [Fact]
    public void A_wait_whose_beginning_is_not_known_yet_is_read_and_is_not_long() => Assert.Equal(CheckStatus.Passed, Judge(new LockWaits(),
        """[{"node":"n","session":1,"user_name":null,"seconds":null,"mode":"ShareLock","object":"transactionid","blocked_by":null,"query":null}]""").Status);

    [Fact]
    public void An_answer_that_cannot_be_read_skips_its_check_with_the_reason()
    {
        CheckResult result = Judge(new IdleTransactions(), """[{"node":"n","pid":null}]""");

        Assert.Equal(CheckStatus.Skipped, result.Status);
        Assert.Contains($"{Node} gave an answer that could not be read: The JSON value could not be converted", result.Actual,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_check_that_cannot_decide_is_skipped_with_the_reason()
    {
        CheckResult result = ClusterValidation.Judge(new Undecided(), new Facts(Nodes));

        Assert.Equal(CheckStatus.Skipped, result.Status);
        Assert.Equal("could not decide over what the nodes answered: no rows", result.Actual);
    }

    private static CheckResult Judge(CitusCheck check, string json)
    {
        var facts = new Facts(Nodes);
        facts.Add(check.Questions[0], Node, json);
        return ClusterValidation.Judge(check, facts.For(Nodes, 1000));
    }

    private sealed class Undecided() : CitusCheck(CheckCategory.Nodes, "Something holds.", "It matters.")
    {
        public override IReadOnlyList<Question> Questions => [];

        public override Verdict Decide(Facts facts) => throw new InvalidOperationException("no rows");
    }
}
