namespace Woodgrove.Citus.Csv.Sources;

/// <summary>Compressed data that is not what its writer wrote: cut off, changed, or followed by something else.</summary>
/// <param name="offset">The byte of the compressed data at which this was noticed, from 0.</param>
/// <param name="why">What is wrong there.</param>
internal sealed class DamagedDataException(long offset, string why, Exception? inner = null) : Exception(why, inner)
{
    public long Offset => offset;
}
