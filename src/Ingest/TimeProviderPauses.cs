namespace StreamObserve.Ingest;

/// <summary>Pauses by a <see cref="TimeProvider"/>.</summary>
internal static class TimeProviderPauses
{
    /// <summary>Completes after <paramref name="pause"/> or when <paramref name="cancellation"/> asks to stop, without throwing.</summary>
    public static async Task PauseAsync(this TimeProvider time, TimeSpan pause, CancellationToken cancellation) =>
        await Task.Delay(pause, time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
}
