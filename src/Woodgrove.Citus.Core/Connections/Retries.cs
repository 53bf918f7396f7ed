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
    /// <param name="warn">Receives a warning of each new attempt.</param>
    public static ResiliencePipeline After(Func<Exception, bool> mayPass, Action<string>? warn) =>
        new ResiliencePipelineBuilder().AddRetry(Options<RetryStrategyOptions, object>(new PredicateBuilder().Handle(mayPass),
            outcome => PostgresErrors.Describe(outcome.Exception!), warn)).Build();

    /// <param name="failure">What failed, by a result that is worth a new attempt; null for others.</param>
    /// <param name="warn">Receives a warning of each new attempt.</param>
    public static ResiliencePipeline<T> While<T>(Func<T, CitusException?> failure, Action<string>? warn) =>
        new ResiliencePipelineBuilder<T>().AddRetry(Options<RetryStrategyOptions<T>, T>(
            new PredicateBuilder<T>().HandleResult(result => failure(result) is not null), outcome => failure(outcome.Result!)!, warn)).Build();

    private static TOptions Options<TOptions, T>(Func<RetryPredicateArguments<T>, ValueTask<bool>> mayPass,
        Func<Outcome<T>, CitusException> failure, Action<string>? warn)
        where TOptions : RetryStrategyOptions<T>, new() => new()
    {
        MaxRetryAttempts = Attempts,
        BackoffType = DelayBackoffType.Exponential,
        Delay = TimeSpan.FromSeconds(1),
        MaxDelay = TimeSpan.FromSeconds(30),
        UseJitter = true,
        ShouldHandle = mayPass,
        OnRetry = attempt =>
        {
            warn?.Invoke($"{failure(attempt.Outcome).What} Trying again in "
                + $"{attempt.RetryDelay.TotalSeconds:0.0} s ({attempt.AttemptNumber + 1} of {Attempts}).");
            return default;
        },
    };
}
