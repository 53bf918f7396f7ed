namespace Woodgrove.Citus.Comparison;

/// <summary>What is compared of a group of rows: their number, and two sums of their hashes, which no order changes.</summary>
/// <param name="First">The sum of the hashes with one seed.</param>
/// <param name="Second">The sum of those with another.</param>
internal readonly record struct RowSum(long Rows, Int128 First, Int128 Second)
{
    public static RowSum operator +(RowSum one, RowSum other) =>
        new(one.Rows + other.Rows, one.First + other.First, one.Second + other.Second);
}
