namespace Woodgrove.Citus.Tables;

internal static class AsyncEnumerableExtensions
{
    public static async Task<T> SingleAsync<T>(this IAsyncEnumerable<T> source)
    {
        await foreach (T item in source) return item;
        throw new InvalidOperationException("The sequence is empty.");
    }
}
