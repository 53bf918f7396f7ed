using Woodgrove.Citus.Ingest.Ledger;

namespace Woodgrove.Citus.Core.Tests.Ingest.Commit;

public sealed class PreparedTransactionTests
{
    [Theory]
    [InlineData(990, 1000, "990")]
    [InlineData(1000, 1000, "1000")] // prepared last: nothing beyond it has ended
    [InlineData(1005, 1000, "1005")]
    [InlineData(4294967290, 4294967301, "4294967290")] // of the epoch before
    [InlineData(3, 4294967290, "4294967299")] // of the next epoch
    [InlineData(7, 8589934600, "8589934599")]
    public void The_id_is_the_nearest_with_these_bits(long id, long near, string full) =>
        Assert.Equal(full, PreparedTransaction.FullId(id, near));
}
