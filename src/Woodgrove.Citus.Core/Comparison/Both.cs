using System.Runtime.ExceptionServices;

namespace Woodgrove.Citus.Comparison;

/// <summary>The same work on the source and the target, side by side.</summary>
internal static class Both
{
    /// <param name="work">True is the source. The first failure cancels the other.</param>
    public static async Task RunAsync(Func<bool, CancellationToken, Task> work, CancellationToken stop)
    {
        using var all = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Exception? first = null;
        await Task.WhenAll(Task.Run(() => GuardedAsync(true), CancellationToken.None),
            Task.Run(() => GuardedAsync(false), CancellationToken.None));
        stop.ThrowIfCancellationRequested();
        if (first is not null) ExceptionDispatchInfo.Throw(first);

        async Task GuardedAsync(bool isSource)
        {
            try
            {
                await work(isSource, all.Token);
            }
            catch (Exception e)
            {
                Interlocked.CompareExchange(ref first, e, null);
                await all.CancelAsync();
            }
        }
    }
}
