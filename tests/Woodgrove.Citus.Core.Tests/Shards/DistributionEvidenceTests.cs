using Woodgrove.Citus.Profiling;

namespace Woodgrove.Citus.Core.Tests.Shards;

public sealed class DistributionEvidenceTests
{
    [Theory]
    [InlineData("SELECT * FROM payment_events WHERE user_id = $1", true)]
    [InlineData("SELECT * FROM payment_events e JOIN payment_users u ON e.user_id = u.user_id", true)]
    [InlineData("SELECT * FROM payment_events JOIN payment_users USING (user_id)", true)]
    [InlineData("DELETE FROM payment_events WHERE \"user_id\" IN ($1, $2)", true)]
    [InlineData("SELECT 1 FROM payment_events WHERE $1 = e.user_id", true)]
    [InlineData("SELECT user_id FROM payment_events WHERE merchant_id = $1", false)]
    [InlineData("SELECT * FROM payment_events WHERE other_user_id = $1", false)]
    [InlineData("SELECT * FROM payment_events WHERE user_id > $1", false)]
    [InlineData("UPDATE payment_events SET user_id = $1", false)]
    public void A_statement_uses_a_column_where_it_compares_it_for_equality(string query, bool uses) =>
        Assert.Equal(uses, DistributionEvidence.UsesColumn(query, "user_id"));

    [Theory]
    [InlineData("SELECT * FROM bank.payment_events WHERE user_id = $1", true)]
    [InlineData("SELECT * FROM \"Payment_Events\"", true)]
    [InlineData("SELECT * FROM payment_events_old", false)]
    [InlineData("SELECT * FROM all_payment_events", false)]
    public void A_statement_names_a_table_by_its_whole_name(string query, bool names) =>
        Assert.Equal(names, DistributionEvidence.NamesTable(query, "payment_events"));
}
