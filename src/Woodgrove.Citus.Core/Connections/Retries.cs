using System.Diagnostics;
using Npgsql;
using Polly;
using Polly.Retry;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Connections;

/// <summary>New attempts after what may pass: about a minute of them, in which a server is up again, or its standby in its place.</summary>
internal static class Retries
{
    private const int Attempts = 6;

    /// <summary>Does something; lost connections are retried until the time is over.</summary>
    public static async Task ForAsync(TimeSpan patience, Func<Task> work)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                await work();
                return;
            }
            catch (Exception e) when (e is NpgsqlException or IOException && clock.Elapsed < patience)
            {
                await Task.Delay(250);
            }
        }
    }

    /// <param name="mayPass">Which failures are worth a new attempt.</param>
    /// <param name="warn">Receives each.</param>
    public static ResiliencePipeline After(Func<Exception, bool> mayPass, Action<string>? warn) =>
        new ResiliencePipelineBuilder().AddRetry(new RetryStrategyOptions
    {
        MaxRetryAttempts = Attempts,
        BackoffType = DelayBackoffType.Exponential,
        Delay = TimeSpan.FromSeconds(1),
        MaxDelay = TimeSpan.FromSeconds(30),
        UseJitter = true,
        ShouldHandle = new PredicateBuilder().Handle(mayPass),
        OnRetry = attempt =>
        {
            warn?.Invoke($"{PostgresErrors.Describe(attempt.Outcome.Exception!).What} Trying again in "
                + $"{attempt.RetryDelay.TotalSeconds:0.0} s ({attempt.AttemptNumber + 1} of {Attempts}).");
            return default;
        },
    }).Build();
}
