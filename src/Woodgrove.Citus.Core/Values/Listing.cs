using System.Collections;
using System.Runtime.CompilerServices;

namespace Woodgrove.Citus.Values;

/// <summary>
/// A list in an object that a cmdlet emits. Its text is that of its items, so that Export-Csv and string interpolation show
/// these in place of the name of a list's type.
/// </summary>
[CollectionBuilder(typeof(Listing), nameof(Listing.Of))]
public sealed class Listing<T>(IReadOnlyList<T> items) : IReadOnlyList<T>
{
    public int Count => items.Count;

    public T this[int index] => items[index];

    public IEnumerator<T> GetEnumerator() => items.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public override string ToString() => string.Join("; ", items);

    public static implicit operator Listing<T>(T[] items) => new(items);

    public static implicit operator Listing<T>(List<T> items) => new(items);
}

/// <summary>Makes lists of collection expressions.</summary>
public static class Listing
{
    public static Listing<T> Of<T>(ReadOnlySpan<T> items) => new(items.ToArray());

    public static Listing<T> ToListing<T>(this IEnumerable<T> items) => new(items as IReadOnlyList<T> ?? [.. items]);
}
