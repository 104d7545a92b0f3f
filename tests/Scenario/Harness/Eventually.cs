using System.Diagnostics;

namespace StreamObserve.Scenario.Harness;

/// <summary>Polling of another process, the one case in which there is no signal to wait for.</summary>
public static class Eventually
{
    private static readonly TimeSpan PollEvery = TimeSpan.FromMilliseconds(100);

    /// <summary>Asks until the answer is accepted and returns it.</summary>
    /// <param name="what">What is waited for, for the message.</param>
    /// <param name="within">How long to keep asking.</param>
    /// <param name="ask">One question; <see cref="HttpRequestException"/> and <see cref="TaskCanceledException"/> count as not yet.</param>
    /// <param name="accept">Whether the answer is the one waited for.</param>
    /// <param name="describe">The answer in few words, for the message.</param>
    /// <exception cref="TimeoutException">It never was; the message holds the last answer.</exception>
    public static async Task<T> AsksAsync<T>(string what, TimeSpan within, Func<Task<T>> ask, Func<T, bool> accept, Func<T, string> describe)
    {
        var clock = Stopwatch.StartNew();
        string last = "no answer";
        while (true)
        {
            try
            {
                T answer = await ask();
                if (accept(answer))
                {
                    return answer;
                }

                last = describe(answer);
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException or IOException)
            {
                last = e.Message;
            }

            if (clock.Elapsed > within)
            {
                throw new TimeoutException($"not within {within.TotalSeconds} s: {what}; last: {last}");
            }

            await Task.Delay(PollEvery);
        }
    }
}
