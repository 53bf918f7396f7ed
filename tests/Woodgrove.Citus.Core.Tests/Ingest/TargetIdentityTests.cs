using Woodgrove.Citus.Ingest.Ledger;

namespace Woodgrove.Citus.Core.Tests.Ingest;

/// <summary>The text of a table's distribution in the ledger, which names the staging table that has an import's rows.</summary>
public sealed class TargetIdentityTests
{
    [Theory]
    [InlineData("user_id bigint", null, "user_id bigint")]
    [InlineData("user_id bigint", 4294967295u, "user_id bigint, staging table 4294967295")]
    [InlineData("x, staging table 1 text", null, "x, staging table 1 text")] // a column of that name
    [InlineData("x, staging table 1 text", 16384u, "x, staging table 1 text, staging table 16384")]
    public void What_the_ledger_keeps_is_read_again(string distribution, uint? staging, string kept)
    {
        var table = new TargetIdentity("public.events", 16385, distribution, staging);

        Assert.Equal(kept, table.Kept);
        Assert.Equal(table, TargetIdentity.Read("public.events", 16385, kept));
    }
}
